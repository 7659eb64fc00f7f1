// link/gate_setup.h: the gate's configuration, which the keeper passes to each gate as a memory file.
// - The gate reads it once, before it reads a byte from the agent.
// - It holds no secret.
// - It is JSON and not a record (base/record.h): a document of nested rules, of which each part is
//   parsed by its own type.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/audit/target.h"
#include "ostiary/base/result.h"
#include "ostiary/link/gate_terms.h"
#include "ostiary/nft/ruleset.h"
#include "ostiary/policy/rule.h"
#include "ostiary/tls/client_hello.h"
#include "ostiary/upstream/server.h"

namespace ostiary::gate {

struct Setup {
  std::vector<policy::Rule> rules;
  // The relay's servers, one rule each. The gate connects to them, and the agent may not (link/connections.h).
  std::vector<policy::Rule> relayed = {};
  std::vector<upstream::Server> upstreams;
  Terms terms;
  std::chrono::seconds resolve_timeout{};
  InitialSets initial_sets = InitialSets::empty;
  uint32_t mark = 0;
  uint16_t log_group = 0;
  // As nft::Ruleset's.
  std::optional<uint16_t> name_queue = {};
  nft::Tracking tracking = nft::Tracking::both_families;
  tls::EncryptedHello encrypted_hello = tls::EncryptedHello::refused;
  audit::FileBound audit_bound = audit::FileBound::none();
};

std::string render_setup(const Setup& setup);
Result<Setup> parse_setup(std::string_view text);

}  // namespace ostiary::gate
