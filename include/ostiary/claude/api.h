// claude/api.h: the API of a session whose requests the relay forwards: its server, the operator's credential,
// and what the agent gets in place of it. Pure.
// - The agent gets a dummy of the same form, in the same variable. The relay replaces it.
// - No error contains the credential.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"
#include "ostiary/link/relay_setup.h"
#include "ostiary/policy/presets.h"
#include "ostiary/policy/rule.h"

namespace ostiary::claude {

// On 127.0.0.1, next to telemetry's.
inline constexpr uint16_t api_port = 15355;

// What Claude Code loses beside such a relay.
inline constexpr std::string_view lost_features =
    "an organisation's server-managed settings, policy limits, feature flags and some betas";

// A variable that the agent gets because of the relay. None holds a secret.
struct AgentVariable {
  enum class Place : uint8_t { environment, managed_settings_too };

  std::string name;
  std::string value;
  Place place = Place::environment;
};

struct Api {
  std::string credential;  // the variable that the operator's comes from
  relay::ForwardSetup forward;
  Secret header_line;
  policy::Rule rule;  // for the gate, which connects there
  std::vector<AgentVariable> variables;
};

// `variable` also finds secrets that come from files.
Result<Api> find_api(const policy::Lookup& variable);

}  // namespace ostiary::claude
