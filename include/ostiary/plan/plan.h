// plan/plan.h: everything a boot will do, decided before anything is done.
// A plain value: it can be printed, compared and tested, and `ostiary plan` stops here.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ostiary/audit/target.h"
#include "ostiary/base/result.h"
#include "ostiary/config/config.h"
#include "ostiary/confine/identity.h"
#include "ostiary/link/forward.h"
#include "ostiary/link/gate_setup.h"
#include "ostiary/link/relay_setup.h"
#include "ostiary/net/network_namespace.h"
#include "ostiary/net/routes.h"
#include "ostiary/nft/ruleset.h"
#include "ostiary/plan/agent_environment.h"
#include "ostiary/plan/upstreams.h"
#include "ostiary/platform/platform.h"
#include "ostiary/policy/rule.h"
#include "ostiary/scope/scope.h"
#include "ostiary/selftest/selftest.h"
#include "ostiary/telemetry/telemetry.h"

namespace ostiary::plan {

// What becomes of the egress rules when we end.
enum class RulesAtEnd : uint8_t { removed, kept };

// What becomes of the files that only this boot needs: otel.env and Claude Code's managed settings.
enum class FilesAtEnd : uint8_t { removed, kept };

struct AuthHook {
  std::string program;
  std::chrono::seconds time_limit;
};

// The process that runs, and everything it gets.
struct Agent {
  std::vector<std::string> command = {};
  confine::Identity identity = {};
  std::string workdir = {};
  AgentEnvironment environment = {};
  std::optional<AuthHook> auth_hook = {};
  config::Choice prepare_claude = config::Choice::no;
  std::chrono::seconds grace{};  // from the signal to end until it is killed
};

// What holds the agent, and where.
struct Enclosure {
  scope::Scope scope = scope::container;
  net::NamespaceKind network = net::NamespaceKind::machine;
  config::Choice in_place = config::Choice::no;
  RulesAtEnd rules_at_end = RulesAtEnd::removed;
  std::chrono::seconds hold{};             // an admission lasts at least this long
  std::vector<policy::Rule> inbound = {};  // from where other hosts may open flows, in container scope
  std::vector<selftest::SocketWaiver> allowed_sockets = {};
};

// What the gate lets the agent reach, whom it asks, and what the kernel loads for it.
struct Gate {
  gate::Setup setup = {};  // with the rules as written, and the servers that can be asked
  std::vector<PlannedUpstream> upstreams = {};  // as named
  // Of the first transaction. The routes are no part of the plan: the keeper adds them, and follows them.
  nft::Ruleset ruleset = {};
  selftest::Targets self_test = {};    // the boot adds the gate's process, and what is admitted by then
  std::optional<Error> obstacle = {};  // ends the boot before it loads a rule: no server can be asked
};

// What keeps credentials out of the agent: it takes the agent's telemetry and requests, and adds them.
struct Relay {
  relay::Setup setup = {};
  relay::Credentials credentials = {};
  // service.instance.id, at the boot: until then its value is empty.
  bool makes_instance_id = false;
  std::vector<relay::ForwardTerms> forwards = {};  // of those of the setup, in their order
  std::string spool_directory = {};                // where the telemetry waits; empty: in memory files
};

struct AuditOutput {
  audit::Target target;
  std::string origin;  // for people: the setting that names it
};

struct Outputs {
  std::optional<AuditOutput> audit = {};
  // Without `audit`: the default file, or else standard error. `no`: no audit.
  config::Choice default_audit = config::Choice::no;
  audit::FileBound audit_bound = audit::FileBound::none();
  config::Choice managed_settings = config::Choice::yes;
  FilesAtEnd files_at_end = FilesAtEnd::removed;
};

struct Plan {
  config::GivenSettings settings;  // those that differ from their defaults
  Agent agent;
  Enclosure enclosure;
  std::optional<Gate> gate;  // nothing if it is off: then nothing holds the agent
  telemetry::Telemetry telemetry;
  std::optional<Relay> relay;  // requires the gate
  Outputs outputs;
  std::vector<std::string> warnings;
};

// Empty if the gate is off.
std::span<const policy::Rule> rules_of(const Plan& plan);
std::span<const PlannedUpstream> servers_of(const Plan& plan);

// What only the machine knows.
struct Machine {
  confine::Identity identity;
  bool supports_domains = false;
  std::string current_directory;
  platform::HostFacts facts;
  std::string resolv_conf;  // as it was before any gate pointed it at itself; empty where there is none
  net::NamespaceKind network = net::NamespaceKind::machine;
  RulesAtEnd rules_at_end = RulesAtEnd::removed;  // if no setting chooses
  FilesAtEnd files_at_end = FilesAtEnd::removed;
  net::Reachable reach = {};  // decides only the gate's setup
};

// For a boot: makes the service.instance.id of random octets, if the relay is to have one.
inline constexpr size_t instance_id_octets = 16;
void set_instance_id(Relay& relay, std::span<const uint8_t, instance_id_octets> random);

// Those that the agent gets because of the relay.
std::vector<relay::AgentVariable> relay_variables(const Plan& plan);
bool has_managed_settings(const Plan& plan);
// The paths of the files that the boot will write.
std::vector<std::string> files_of(const Plan& plan);

// `command` empty means claude.
Result<Plan> make_plan(const config::Config& config, std::vector<std::string> command, Machine machine);

}  // namespace ostiary::plan
