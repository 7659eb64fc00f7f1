#include "ostiary/cli/commands.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include <sys/random.h>
#include <unistd.h>

#include "ostiary/base/escape.h"
#include "ostiary/base/json.h"
#include "ostiary/base/log.h"
#include "ostiary/base/nearest.h"
#include "ostiary/base/quote.h"
#include "ostiary/base/read_file.h"
#include "ostiary/base/text.h"
#include "ostiary/boot/boot.h"
#include "ostiary/boot/preflight.h"
#include "ostiary/config/secrets.h"
#include "ostiary/confine/confine.h"
#include "ostiary/net/network_namespace.h"
#include "ostiary/net/resolver_file.h"
#include "ostiary/net/routes.h"
#include "ostiary/nft/earlier.h"
#include "ostiary/plan/plan.h"
#include "ostiary/plan/print.h"
#include "ostiary/platform/platform.h"
#include "ostiary/policy/presets.h"
#include "ostiary/scope/preconditions.h"
#include "ostiary/state/files.h"
#include "ostiary/state/session.h"
#include "ostiary/telemetry/env_file.h"
#include "output.h"
#include "path_warnings.h"
#include "telemetry_commands.h"

namespace ostiary::cli {
namespace {

constexpr size_t max_config_file = 4U << 20U;

Result<std::optional<std::string>> read_config_file(const std::string& path) {
  if (is_absent(path)) return std::nullopt;
  return TRY(read_named_file(path, max_config_file));
}

Result<confine::Identity> find_identity(const config::Config& config) {
  if (!config.user) return confine::own_identity();
  auto identity = confine::find_identity(config.user->text);
  if (!identity && may_hold_password(config.user->text))
    return fail(identity.error().exit,
                config.user->origin + ": names no user of this container: write NAME or UID:GID");
  if (!identity)
    return std::unexpected(
        std::move(identity).error().within(config.user->origin + " " + quote(config.user->text)));
  return identity;
}

// If we are PID 1 of a container, its network ends with us. A pod's does not.
plan::RulesAtEnd rules_at_end(const platform::Lookup& environment, net::NamespaceKind network) {
  const bool ends_with_us =
      ::getpid() == 1 && network == net::NamespaceKind::own && !platform::is_in_a_pod(environment);
  return ends_with_us ? plan::RulesAtEnd::kept : plan::RulesAtEnd::removed;
}

// If we are PID 1 of a container, its files end with us.
plan::FilesAtEnd files_at_end() {
  return ::getpid() == 1 ? plan::FilesAtEnd::kept : plan::FilesAtEnd::removed;
}

// Empty if the file cannot be read. A boot that needs the file reports the error.
std::string read_original_resolv_conf() {
  const auto file = net::ResolverFile::read(net::resolver_path);
  return file ? file->original() : std::string();
}

// Another for each boot.
Result<> set_instance_id(plan::Plan& plan) {
  std::array<uint8_t, plan::instance_id_octets> random{};
  if (!plan.relay) return {};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return std::unexpected(Error::system("getrandom", Exit::unavailable));
  plan::set_instance_id(*plan.relay, random);
  return {};
}

enum class ReadRoutes : uint8_t { no, yes };

// `Request` is a Run or a Plan. What `ostiary plan` prints does not depend on the routes.
template <typename Request>
Result<plan::Plan> make_plan(Request request, char** environ, ReadRoutes routes) {
  const config::Config config = TRY(config::read_config(
      {config::Environment::copy_of(environ), std::move(request.flags), read_config_file}));
  log::set_level(config.log_level);
  std::error_code unknown;
  plan::Machine machine{.identity = TRY(find_identity(config)),
                        .supports_domains = confine::supports_domains(),
                        .current_directory = std::filesystem::current_path(unknown).string(),
                        .facts = platform::read_host_facts(),
                        .resolv_conf = read_original_resolv_conf()};
  machine.facts.repository =
      platform::read_repository(config.workdir.empty() ? machine.current_directory : config.workdir);
  const platform::Lookup environment = [&config](std::string_view name) {
    return config.environment.get(name);
  };
  machine.network = net::decide(net::read_namespace_facts(platform::place_of(environment)));
  machine.rules_at_end = rules_at_end(environment, machine.network);
  machine.files_at_end = files_at_end();
  if (routes == ReadRoutes::yes && config.gate == config::GateSwitch::on)
    machine.reach = TRY(net::read_routes()).reach;
  auto plan = plan::make_plan(config, std::move(request.command), std::move(machine));
  if (!plan) return plan;
  if (!request.warning.empty()) plan->warnings.push_back(std::move(request.warning));
  warn_of_paths(*plan, config);
  return plan;
}

Result<> require_root(std::string_view command) {
  if (::geteuid() == 0) return {};
  return fail(Exit::not_permitted, std::string(command) + " needs root: sudo, or docker exec --user root");
}

// The program's name may be a mistyped command of ours, or a command after a flag.
std::string meant_command(std::string_view program) {
  if (const std::string_view meant = nearest(program, subcommands); !meant.empty())
    return "; if you mean the command, write ostiary " + std::string(meant);
  constexpr std::array<std::string_view, 2> flags{"help", "version"};
  const std::string_view meant = nearest(program, flags);
  return meant.empty() ? "" : "; if you mean the flag, write ostiary --" + std::string(meant);
}

// Refuses a first word that is neither a command nor a program. Call it before the checks that only
// a boot needs, such as for root.
Result<> check_first_word(const plan::Agent& agent) {
  const std::string& word = agent.command.front();
  if (word.contains('/') || boot::look_for_program(agent)) return {};
  std::string message;
  append(message,
         {quote(word), " is neither a command of ostiary (", join(subcommands, ", "),
          ") nor a program in PATH: write a command, or the path of a program", meant_command(word)});
  return fail(Exit::usage, std::move(message));
}

Result<int> execute_run(Run run, char** environ, std::span<const keeper::HelperProgram> programs) {
  TRY(confine::hide_memory());
  const CommandPosition position = run.position;
  plan::Plan plan = TRY(make_plan(std::move(run), environ, ReadRoutes::yes));
  if (position == CommandPosition::first_word) TRY(check_first_word(plan.agent));
  TRY(set_instance_id(plan));
  config::wipe_values(environ);
  Result<int> status = boot::run(plan, programs);
  if (!status && status.error().exit == Exit::not_found)
    status.error().message += meant_command(plan.agent.command.front());
  return status;
}

Result<int> execute_plan(Plan request, char** environ) {
  TRY(confine::hide_memory());
  const Form form = request.form;
  const plan::Plan plan = TRY(make_plan(std::move(request), environ, ReadRoutes::no));
  return print(form == Form::json ? plan::plan_as_json(plan) : plan::plan_as_text(plan));
}

// A session needs a running boot: without one there may be no rules. If a boot or its container is
// killed, the session file stays.
Result<> require_boot(const state::FoundDirectory& directory) {
  const std::string path = state::path_of(state::session_name);
  if (!directory.has(state::session_name))
    return fail(Exit::missing_input,
                "there is no " + path + ": no boot is running: start one with ostiary run");
  if (TRY(directory.is_claimed())) return {};
  return fail(Exit::missing_input,
              "the boot that wrote " + path + " has ended: start a new one with ostiary run");
}

// The boot's rules hold only in its own network namespace.
Result<> require_same_network(const state::Session& session) {
  if (session.network.empty() || session.network == net::text(TRY(net::own_network()))) return {};
  return fail(Exit::unavailable,
              "this process is in another network than the boot's, and the boot's rules would not hold the "
              "session: enter the container's network too, as docker exec does");
}

Result<int> execute_exec(Exec exec, const config::Environment& caller) {
  TRY(confine::hide_memory());
  TRY(require_root("exec"));
  const auto directory = TRY(state::FoundDirectory::find());
  TRY(require_boot(directory));
  const Secret text(TRY(directory.read(state::session_name)));
  state::Session session = TRY(state::parse_session(text.reveal()));
  TRY(require_same_network(session));
  // TERM comes from the caller, everything else from the boot.
  if (const std::string_view terminal = caller.get("TERM"); !terminal.empty())
    session.environment.set("TERM", terminal);
  const confine::Command command{.arguments = std::move(exec.command),
                                 .environment = session.environment.entries(),
                                 .directory = session.workdir};
  TRY(boot::look_for_program(command.arguments.front(), session.environment.get("PATH"), session.workdir));
  TRY(scope::check_inherited_sockets(scope::Inheritable::no_socket));
  // First writes the note, then checks again for a running boot. A boot that ends first removes its
  // session, then checks for the note. So at least one of the two notices the other.
  if (!session.network.empty()) TRY(nft::mark_joined());
  TRY(require_boot(directory));
  auto proof = TRY(confine::confine(session.identity));
  return std::unexpected(confine::exec(std::move(proof), command));
}

std::string masked(const std::vector<telemetry::EnvFileLine>& lines) {
  std::string text;
  for (const auto& [name, value] : lines) {
    const bool secret = std::ranges::find(config::header_names, name) != config::header_names.end();
    text += name + "=" + (secret ? "(secret)" : escape_controls(value.reveal())) + "\n";
  }
  return text;
}

Result<int> execute_env(const Env& request) {
  TRY(confine::hide_memory());
  TRY(require_root("env"));
  const auto directory = TRY(state::FoundDirectory::find());
  if (directory.has(state::session_name) && !directory.has(state::otel_env_name)) {
    log::info("telemetry is off, so there is no telemetry environment");
    return 0;
  }
  const Secret text(TRY(directory.read(state::otel_env_name)));
  if (request.secrets == Secrets::revealed) return print(text.reveal());
  return print(masked(TRY(telemetry::parse_env_file(text.reveal()))));
}

Result<int> execute_presets() {
  std::string text;
  for (const policy::Preset& preset : policy::presets()) {
    append(text, {preset.name, ": ", preset.purpose, "\n"});
    for (const std::string_view entry : preset.entries) append(text, {"  ", entry, "\n"});
  }
  return print(text);
}

Result<int> execute_status() {
  TRY(require_root("status"));
  const auto directory = TRY(state::FoundDirectory::find());
  auto status = Json::parse(TRY(directory.read(state::status_name)));
  if (!status || !status->is_object())
    return fail(Exit::unavailable, state::path_of(state::status_name) + ": is not a JSON object: boot again");
  (*status)["running"] = TRY(directory.is_claimed());
  return print(status->indented() + "\n");
}

struct Executor {
  char** environ;
  std::span<const keeper::HelperProgram> programs;
  Result<int> operator()(Run& run) const { return execute_run(std::move(run), environ, programs); }
  Result<int> operator()(Plan& plan) const { return execute_plan(std::move(plan), environ); }
  Result<int> operator()(Exec& exec) const {
    return execute_exec(std::move(exec), config::Environment::copy_of(environ));
  }
  Result<int> operator()(const Env& env) const { return execute_env(env); }
  Result<int> operator()(const Presets&) const { return execute_presets(); }
  Result<int> operator()(const Status&) const { return execute_status(); }
  Result<int> operator()(ConnectTelemetry& connect) const {
    return execute_connect(std::move(connect), config::Environment::copy_of(environ));
  }
  Result<int> operator()(const CheckTelemetry& check) const {
    return execute_check(check, config::Environment::copy_of(environ), TRY(make_marker()));
  }
  Result<int> operator()(LocalTelemetry& local) const { return execute_local(std::move(local), environ); }
  Result<int> operator()(const UndoTelemetry& undo) const {
    return execute_undo(undo, config::Environment::copy_of(environ));
  }
  Result<int> operator()(const Print& text) const { return print(text.text); }
};

}  // namespace

Result<int> execute(Invocation invocation, char** environ, std::span<const keeper::HelperProgram> programs) {
  return std::visit(Executor{environ, programs}, invocation);
}

}  // namespace ostiary::cli
