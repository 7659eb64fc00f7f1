// link/forward.h: a forward of the relay's, as a plan has it: what the relay does, and what else the boot does
// for it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ostiary/base/secret.h"
#include "ostiary/link/relay_setup.h"
#include "ostiary/policy/rule.h"

namespace ostiary::relay {

// A variable that the agent gets because of the relay. None holds a secret.
struct AgentVariable {
  enum class Place : uint8_t { environment, managed_settings_too };

  std::string name;
  std::string value;
  Place place = Place::environment;
};

// What the agent has in place of the operator's credential.
enum class Substitute : uint8_t { none, dummy };

struct ForwardTerms {
  policy::Rule rule;  // for the gate, which connects there
  std::vector<AgentVariable> variables = {};
  // For people:
  std::string setting;       // that configures the forward: "api-relay"
  std::string host_setting;  // that names the server's host: "ANTHROPIC_BASE_URL"
  Substitute substitute = Substitute::none;
  std::string lost = {};  // features that the agent loses
};

struct Forward {
  ForwardSetup setup;
  Secret header_line;  // whole, with its CRLF
  ForwardTerms terms;
};

}  // namespace ostiary::relay
