#include "ostiary/boot/boot.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit_trail.h"
#include "enclosure.h"
#include "gate_helper.h"
#include "ostiary/base/log.h"
#include "ostiary/boot/preflight.h"
#include "ostiary/claude/managed_settings.h"
#include "ostiary/claude/prepare.h"
#include "ostiary/keeper/supervisor.h"
#include "ostiary/net/closed_sockets.h"
#include "ostiary/net/foreign_listeners.h"
#include "ostiary/nft/earlier.h"
#include "ostiary/nft/table.h"
#include "ostiary/plan/helpers.h"
#include "ostiary/scope/preconditions.h"
#include "ostiary/state/files.h"
#include "rules_after.h"
#include "self_test.h"
#include "version.h"

namespace ostiary::boot {
namespace {

using keeper::Ending;
using keeper::Outcome;
using keeper::Supervisor;
using plan::Plan;
using plan::RulesAtEnd;

confine::Command command_of(std::vector<std::string> arguments, const config::Environment& environment,
                            const std::string& directory) {
  return {.arguments = std::move(arguments), .environment = environment.entries(), .directory = directory};
}

void log_telemetry(const telemetry::Telemetry& telemetry) {
  if (telemetry.state != telemetry::State::on) {
    if (telemetry.missing.empty())
      log::info(telemetry.state == telemetry::State::not_configured
                    ? "phase 1: telemetry is off: nothing names a collector"
                    : "phase 1: telemetry is switched off by " + telemetry.reason);
    return;
  }
  for (const telemetry::Route& route : telemetry.routes)
    log::info("phase 1: " + std::string(text(route.signal)) + " go to " + text(route.endpoint) + " over " +
              std::string(text(route.protocol)) + " (" + std::string(config::text(telemetry.source)) + ")");
}

void log_content(const telemetry::Telemetry& telemetry) {
  std::string told;
  for (const telemetry::Variable& variable : telemetry.variables)
    if (variable.name.starts_with("OTEL_LOG_"))
      told += (told.empty() ? "" : ", ") + variable.name + "=" + std::string(variable.value.reveal());
  if (!told.empty()) log::info("phase 2: content: " + told);
}

std::string name_of(int signal) {
  const char* abbreviation = ::sigabbrev_np(signal);
  return abbreviation == nullptr ? "signal " + std::to_string(signal) : "SIG" + std::string(abbreviation);
}

std::string describe(int wait_status) {
  if (WIFSIGNALED(wait_status)) return "was ended by " + name_of(WTERMSIG(wait_status));
  return "ended with status " + std::to_string(WEXITSTATUS(wait_status));
}

// What the boot holds while it lasts.
struct BootState {
  AuditTrail audit;
  Supervisor supervisor;
  event::Signals requests;  // to end, before there is an agent to pass them to
  // None where the gate is off.
  std::optional<Enclosure> enclosure = {};
  std::unique_ptr<GateHelper> gate = {};
  Resolution resolution = {};
  // Whether processes that an earlier boot confined may be here; nothing: no rule was touched.
  std::optional<Remaining> earlier = {};
  state::Status status = {};
  std::optional<int> asked_with = {};  // the signal, where one came so early
  std::string how_it_ended = {};

  std::chrono::steady_clock::time_point last_lap = std::chrono::steady_clock::now();

  // Since it was last asked.
  std::chrono::milliseconds lap() {
    const auto begun = std::exchange(last_lap, std::chrono::steady_clock::now());
    return std::chrono::duration_cast<std::chrono::milliseconds>(last_lap - begun);
  }
};

// Whether somebody asks us to end while there is no agent yet.
Result<bool> is_asked_to_end(BootState& state) {
  if (!state.asked_with)
    if (const auto signal = TRY(state.requests.next(std::chrono::steady_clock::now()))) {
      state.asked_with = signal->number;
      state.how_it_ended = name_of(signal->number) + " from outside, before the agent was started";
      log::info(state.how_it_ended);
    }
  return state.asked_with.has_value();
}

bool is_required(const Plan& plan, std::string_view name) {
  return std::ranges::any_of(plan::rules_of(plan), [name](const policy::Rule& rule) {
    return rule.need == policy::Need::required && text(rule.subject) == name;
  });
}

std::string describe(const Resolution::Unopened& unopened) {
  std::string what = unopened.name + " " + unopened.why;
  if (unopened.kind == Resolution::Unopened::Kind::unresolved) return what;
  return what + ": write {\"host\": \"" + unopened.name +
         "\", \"private\": true} into the policy file's allow";
}

Result<> log_resolution(const Plan& plan, BootState& state) {
  const Resolution& names = state.resolution;
  log::info("phase 1: " + std::to_string(names.resolved) + " of " +
            std::to_string(names.resolved + names.unopened.size()) + " names are open");
  const gate::Terms& terms = plan.gate->setup.terms;
  const bool has_network = std::max(terms.ipv4, terms.ipv6) == gate::Reachability::reachable;
  if (!has_network)
    log::warn(
        "no route leads out of this network, so no name can be used: give the container a network and start "
        "it again");
  for (const Resolution::Unopened& each : names.unopened) {
    if (is_required(plan, each.name)) return fail(Exit::unavailable, describe(each) + ". It is required");
    state.status.unresolved.push_back(each.name);
    const bool may_open_later = each.kind == Resolution::Unopened::Kind::unresolved;
    if (has_network) log::warn(describe(each) + (may_open_later ? ": it stays allowed for later" : ""));
  }
  return {};
}

// The agent may connect to such a process, which may also have a network that the rules do not hold.
void look_for_relays(const Plan& plan) {
  if (!plan.enclosure.scope.holds_everybody) return;
  const auto foreign = net::find_foreign_listeners();
  if (!foreign)
    log::info("services of processes outside of this container are not looked for: " +
              foreign.error().message);
  else if (!foreign->places.empty())
    log::warn(net::describe(*foreign));
}

// The self-test, which takes the most, and the gate's TCP clients.
constexpr rlim_t least_open_files = 64;

Result<> check_open_files(const Plan& plan) {
  rlimit limit{};
  if (!plan.gate || ::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= least_open_files) return {};
  return fail(Exit::unavailable, "the limit of open files is " + std::to_string(limit.rlim_cur) +
                                     ", and the gate needs " + std::to_string(least_open_files) +
                                     ": raise it with ulimit -n, or docker run --ulimit nofile");
}

// Whether processes that an earlier boot confined may be in this network. Ours must hold them as well.
Result<Remaining> find_earlier(const Plan& plan) {
  switch (TRY(nft::find_earlier(plan.enclosure.scope.only_user(plan.agent.identity.uid)))) {
    case nft::Earlier::none:
    case nft::Earlier::ended:
      return Remaining::none;
    case nft::Earlier::held:
      return Remaining::some;
    case nft::Earlier::held_otherwise:
      break;
  }
  return fail(Exit::unavailable,
              "--scope user: processes of an earlier boot may still run under the present rules. Rules for " +
                  plan.agent.identity.name +
                  " alone would free them. End these processes, then run: nft delete table inet ostiary");
}

// Denies everything.
Result<> enclose(const Plan& plan, BootState& state) {
  auto network = TRY(Unenclosed::read());  // its error may be why the plan has no server
  if (plan.gate->obstacle) return std::unexpected(*plan.gate->obstacle);
  for (const upstream::Server& server : plan.gate->setup.upstreams)
    log::debug("phase 1: asks " + text(server));
  const bool ends_with_us = ::getpid() == 1 && state.earlier == Remaining::none;
  state.enclosure.emplace(TRY(Enclosure::build(
      plan, std::move(network),
      ends_with_us ? nft::Lifetime::ends_with_the_keeper : nft::Lifetime::may_outlive_the_keeper,
      state.audit)));
  return {};
}

// The gate knows the enclosure; the supervisor brings what the enclosure notices to the gate.
Result<> start_gate(const Plan& plan, BootState& state) {
  Enclosure& enclosure = *state.enclosure;
  state.gate = TRY(GateHelper::create(
      {.modes = keeper::start_modes_beside(plan.agent.identity.uid),
       .setup = plan.gate->setup,
       .listeners = enclosure.listeners(),
       .audit = state.audit,
       .expect_changes_from = [&enclosure](uint32_t port) { enclosure.expect_changes_from(port); }}));
  GateHelper& gate = *state.gate;
  state.resolution = TRY(gate.start(state.requests));
  const auto noticed = enclosure.descriptors();
  state.supervisor.watch({noticed.begin(), noticed.end()},
                         [&enclosure, &gate] { return enclosure.look([&gate] { gate.readmit(); }); });
  state.supervisor.add(gate.helper());
  return {};
}

Result<> open_gate(const Plan& plan, BootState& state) {
  if (!plan.gate) return {};
  TRY(enclose(plan, state));
  TRY(start_gate(plan, state));
  // In user scope other users need resolv.conf too, and the redirect serves the agent.
  if (plan.enclosure.scope.owns_resolver) state.enclosure->point_resolver_at_gate();
  state.status.tracking = text(state.enclosure->ruleset().tracking);
  if (TRY(is_asked_to_end(state))) return {};
  TRY(log_resolution(plan, state));
  const selftest::Targets targets =
      with_admitted(plan.gate->self_test, state.resolution.admitted, state.gate->process());
  state.status.self_test = TRY(run_self_test(plan, targets, state.audit));
  look_for_relays(plan);
  return state.gate->end_self_test();
}

Result<> phase_1(const Plan& plan, BootState& state) {
  for (const std::string& warning : plan.warnings) log::warn(warning);
  log_telemetry(plan.telemetry);
  TRY(preflight(plan));
  if (plan.gate) {
    TRY(scope::check_preconditions(plan.enclosure.scope, {.network = plan.enclosure.network,
                                                          .in_place = plan.enclosure.in_place,
                                                          .agent = plan.agent.identity}));
    state.earlier = TRY(find_earlier(plan));
  }
  TRY(state::remove_stale_files());
  TRY(open_gate(plan, state));
  if (TRY(is_asked_to_end(state))) return {};
  audit::Phase done{.number = audit::Phase::Number::first,
                    .what = plan.gate ? "everything is denied but what the plan opens" : "the gate is off",
                    .took = state.lap()};
  if (plan.gate)
    done.names = {.resolved = state.resolution.resolved,
                  .unresolved = state.resolution.unopened.size(),
                  .addresses = state.resolution.admitted.size()};
  state.audit.record(done);
  return {};
}

// 126 and 127 say that the agent's program did not start. A hook that did not start is missing input.
Error hook_error(Error error) {
  if (error.exit == Exit::not_found) error.exit = Exit::missing_input;
  if (error.exit == Exit::not_executable) error.exit = Exit::not_permitted;
  return std::move(error).within("auth hook");
}

// Empty to continue, or the status to end with because a signal asked for it.
Result<std::optional<int>> run_auth_hook(const Plan& plan, BootState& state) {
  if (!plan.agent.auth_hook) return std::nullopt;
  const std::string& program = plan.agent.auth_hook->program;
  log::info("auth hook: " + program + " as " + plan.agent.identity.name);
  auto outcome = state.supervisor.run(
      plan.agent.identity, command_of({program}, plan.agent.environment.auth_hook, plan.agent.workdir),
      {.grace = plan.agent.grace, .time_limit = plan.agent.auth_hook->time_limit});
  if (!outcome) return std::unexpected(hook_error(std::move(outcome).error()));
  if (outcome->ending == Ending::asked_to_end) {
    state.asked_with = outcome->asked_with;
    state.how_it_ended = name_of(outcome->asked_with) + " from outside, during the auth hook";
    return 128 + outcome->asked_with;
  }
  if (outcome->ending == Ending::over_time)
    return fail(Exit::not_permitted, "auth hook: " + program + " did not end within " +
                                         std::to_string(plan.agent.auth_hook->time_limit.count()) +
                                         " s: see --auth-hook-timeout");
  if (outcome->wait_status != 0)
    return fail(Exit::not_permitted, "auth hook: " + program + " " + describe(outcome->wait_status));
  return std::nullopt;
}

void write_settings_or_say_why(const Plan& plan) {
  const Result<> written = has_managed_settings(plan) ? claude::write_managed_settings(plan.telemetry)
                                                      : claude::remove_managed_settings();
  if (!written)
    log::warn("no managed settings, so a project's settings can redirect telemetry: " +
              written.error().message);
}

// For the auth hook as well, which starts there.
Result<> prepare_workdir(const Plan& plan, const BootState& state) {
  return plan.agent.prepare_claude == config::Choice::yes
             ? claude::make_workdir(plan.agent.identity, plan.agent.workdir, state.requests)
             : Result<>{};
}

void prepare_claude(const Plan& plan, const BootState& state) {
  if (plan.agent.prepare_claude == config::Choice::no) return;
  const claude::FirstAnswers answers{.directory = plan.agent.workdir,
                                     .api_key = plan.agent.environment.agent.get("ANTHROPIC_API_KEY")};
  const Result<> written = claude::write_first_answers(plan.agent.identity, answers, state.requests);
  if (!written) log::warn(written.error().message);
}

Result<> write_session(const Plan& plan) {
  const std::string network = plan.gate ? net::text(TRY(net::own_network())) : std::string();
  return state::write_session(plan.agent.identity, plan.agent.workdir, network,
                              plan.agent.environment.agent.entries());
}

// The part of the status that the plan decides.
void add_plan(state::Status& status, const Plan& plan) {
  status.gate = plan.gate ? "on" : "off";
  status.telemetry = text(plan.telemetry.state);
  status.user = plan.agent.identity.name;
  for (const policy::Rule& rule : plan::rules_of(plan)) status.rules.push_back(text(rule));
  for (const policy::Rule& rule : plan.enclosure.inbound) status.inbound.push_back(text(rule));
  for (const selftest::SocketWaiver& waiver : plan.enclosure.allowed_sockets)
    status.allowed_sockets.push_back(waiver.text());
  status.scope = plan.enclosure.scope.name;
}

Result<> phase_2(const Plan& plan, BootState& state) {
  if (plan.telemetry.state == telemetry::State::on) TRY(state::write_otel_env(plan.telemetry.variables));
  TRY(write_session(plan));
  add_plan(state.status, plan);
  TRY(state::write_status(state.status));
  write_settings_or_say_why(plan);
  prepare_claude(plan, state);
  log_content(plan.telemetry);
  return {};
}

Result<int> run_agent(const Plan& plan, BootState& state) {
  log::info("phase 2: " + plan.agent.command.front() + " starts as " + plan.agent.identity.name + " in " +
            plan.agent.workdir);
  const Outcome outcome = TRY(state.supervisor.run(
      plan.agent.identity, command_of(plan.agent.command, plan.agent.environment.agent, plan.agent.workdir),
      {.grace = plan.agent.grace, .time_limit = {}}));
  state.how_it_ended = "the agent " + describe(outcome.wait_status);
  if (outcome.ending == Ending::asked_to_end)
    state.how_it_ended += ", after " + name_of(outcome.asked_with) + " from outside";
  return keeper::exit_status(outcome.wait_status);
}

Result<int> run_phases(const Plan& plan, BootState& state) {
  TRY(phase_1(plan, state));
  if (TRY(is_asked_to_end(state))) return 128 + *state.asked_with;
  TRY(prepare_workdir(plan, state));
  if (TRY(is_asked_to_end(state))) return 128 + *state.asked_with;
  if (const auto status = TRY(run_auth_hook(plan, state))) return *status;
  (void)state.lap();  // the hook's time is nobody's phase
  TRY(phase_2(plan, state));
  if (TRY(is_asked_to_end(state))) return 128 + *state.asked_with;
  state.audit.record(audit::Phase{
      .number = audit::Phase::Number::second, .what = "the agent's files are written", .took = state.lap()});
  return run_agent(plan, state);
}

// Why the kernel may still send for processes of the agent that have ended; empty if it does not.
std::string find_senders(const Plan& plan) {
  using Scope = net::Owners::Scope;
  std::vector<uid_t> users{plan.agent.identity.uid};
  for (const keeper::HelperDescription& helper : plan::helpers) users.push_back(helper.user);
  const auto senders = net::end_closed_connections(
      {.users = std::move(users),
       .scope = plan.enclosure.scope.holds_everybody ? Scope::everybody : Scope::users});
  if (!senders) return senders.error().message;
  return *senders == net::Senders::none ? "" : "a connection that was closed still has something to send";
}

// A boot that failed early made none.
bool there_are_rules() {
  const auto found = nft::find_earlier(std::nullopt);
  return !found || *found != nft::Earlier::none;
}

// Once all that can be ended has ended.
Result<> end_rules(const Plan& plan, BootEnd boot, const RemainingProcesses& left) {
  const RulesAtEnd rules = rules_after(plan, boot, left);
  const std::string senders = rules == RulesAtEnd::removed ? find_senders(plan) : "";
  if (rules == RulesAtEnd::removed && senders.empty()) return nft::remove();
  // If the kernel refuses the mark, the next boot assumes that processes remain, and keeps the rules.
  if (nobody_is_left(left)) (void)nft::mark_ended();
  if (plan.enclosure.rules_at_end == RulesAtEnd::removed && there_are_rules())
    log::warn(tell_rules_stay(boot, left, senders));
  return {};
}

// On an error, assume that a session remains. Without an enclosure, an earlier boot's may.
Remaining find_sessions(const Result<>& session_removed, const Plan& plan, BootState& state) {
  if (!plan.gate) return Remaining::none;
  const auto joined = state.enclosure ? state.enclosure->were_joined() : nft::was_joined();
  return session_removed && joined && !*joined ? Remaining::none : Remaining::some;
}

// Each step is done whatever became of the one before. First no session can join any more, then it is
// decided whether the rules are removed. The agent's processes are asked to end before the gate ends, so that
// their last exports get out; they are killed after it, when every child that the kernel counts is one of
// theirs.
Result<> end(const Plan& plan, BootState& state, const Result<int>& status) {
  const Result<> session_removed = state::remove_session();
  const Result<> asked = state.supervisor.ask_descendants_to_end();
  state.supervisor.stop_serving();
  if (state.gate) state.gate->end();
  if (state.enclosure) state.enclosure->put_resolver_back();
  const Result<keeper::Children> children = state.supervisor.kill_descendants();
  const auto boot = status && !state.asked_with ? BootEnd::complete : BootEnd::failed;
  const RemainingProcesses left{
      .children = children && *children == keeper::Children::none ? Remaining::none : Remaining::some,
      .sessions = find_sessions(session_removed, plan, state),
      .earlier = state.earlier.value_or(Remaining::some)};
  const Result<> rules = state.earlier ? end_rules(plan, boot, left) : Result<>{};
  if (!asked) return asked;
  if (!children) return std::unexpected(children.error());
  return session_removed ? rules : session_removed;
}

}  // namespace

Result<int> run(const Plan& plan) {
  if (::geteuid() != 0)
    return fail(
        Exit::not_permitted,
        "run needs root, to confine the agent: start the container as root and name the agent's user with "
        "--user");
  TRY(check_open_files(plan));
  const state::InstanceLock only = TRY(state::InstanceLock::claim());
  auto audit = TRY(AuditTrail::open(plan));
  auto supervisor = TRY(Supervisor::create());
  auto requests = TRY(event::Signals::only({SIGTERM, SIGINT}));
  BootState state{
      .audit = std::move(audit), .supervisor = std::move(supervisor), .requests = std::move(requests)};
  state.audit.record(audit::Boot{.version = program_version,
                                 .process = static_cast<uint32_t>(::getpid()),
                                 .gate = plan.gate ? audit::GateSwitch::on : audit::GateSwitch::off,
                                 .user = plan.agent.identity.name,
                                 .command = plan.agent.command.front()});
  Result<int> status = run_phases(plan, state);
  if (const Result<> ended = end(plan, state, status); !ended) {
    if (status)
      status = std::unexpected(ended.error());
    else
      log::warn(ended.error().message);
  }
  state.audit.record(audit::Exited{
      .status = static_cast<uint8_t>(status ? *status : static_cast<int>(status.error().exit)),
      .reason = status ? std::string_view(state.how_it_ended) : std::string_view(status.error().message)});
  return status;
}

}  // namespace ostiary::boot
