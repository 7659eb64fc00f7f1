// plan/plan.h: everything a boot will do, decided before anything is done.
// A plain value: it can be printed, compared and tested, and `ostiary plan` stops here.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "ostiary/audit/file_bound.h"
#include "ostiary/audit/target.h"
#include "ostiary/base/result.h"
#include "ostiary/config/config.h"
#include "ostiary/confine/identity.h"
#include "ostiary/net/network_namespace.h"
#include "ostiary/plan/agent_environment.h"
#include "ostiary/plan/upstreams.h"
#include "ostiary/platform/host_facts.h"
#include "ostiary/policy/rule.h"
#include "ostiary/selftest/socket_name.h"
#include "ostiary/telemetry/telemetry.h"

namespace ostiary::plan {

// What becomes of the egress rules when we end.
enum class RulesAtEnd : uint8_t { removed, kept };

struct AuthHook {
  std::string program;
  std::chrono::seconds time_limit;
};

struct Plan {
  config::GivenSettings settings;  // those that are not left at their defaults
  std::vector<std::string> command;
  confine::Identity identity;
  std::string workdir;
  config::GateSwitch gate = config::GateSwitch::on;
  config::Scope scope = config::Scope::container;
  std::vector<policy::Rule> rules;         // none where the gate is off
  std::vector<policy::Rule> inbound;       // where hosts outside may begin flows, in container scope
  std::vector<PlannedUpstream> upstreams;  // none where the gate is off
  std::vector<selftest::SocketWaiver> allowed_sockets;
  std::chrono::seconds hold{};
  std::chrono::seconds resolve_timeout{};
  config::Choice in_place = config::Choice::no;
  net::NamespaceKind network = net::NamespaceKind::machine;
  RulesAtEnd rules_at_end = RulesAtEnd::removed;
  std::optional<audit::Target> audit;  // nothing: the default file, or else stderr
  audit::FileBound audit_bound = audit::FileBound::none();
  std::chrono::seconds grace{};
  std::optional<AuthHook> auth_hook;
  config::Choice prepare_claude = config::Choice::no;
  config::Choice managed_settings = config::Choice::yes;
  telemetry::Telemetry telemetry;
  AgentEnvironment environment;
  std::vector<std::string> warnings;
};

// What only the machine knows.
struct Machine {
  confine::Identity identity;
  std::string current_directory;
  platform::HostFacts facts;
  std::string resolv_conf;  // as it was before any gate pointed it at itself; empty where there is none
  net::NamespaceKind network = net::NamespaceKind::machine;
  RulesAtEnd rules_at_end = RulesAtEnd::removed;  // where nobody chose
};

bool has_managed_settings(const Plan& plan);
// The paths of the files that the boot will write.
std::vector<std::string> files_of(const Plan& plan);

// `command` empty means claude.
Result<Plan> make_plan(const config::Config& config, std::vector<std::string> command, Machine machine);

}  // namespace ostiary::plan
