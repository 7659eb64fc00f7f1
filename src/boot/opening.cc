#include "opening.h"

#include <algorithm>
#include <span>
#include <string_view>

#include <sys/resource.h>
#include <unistd.h>

#include "ostiary/base/log.h"
#include "ostiary/base/text.h"
#include "ostiary/link/spool_files.h"
#include "ostiary/net/foreign_listeners.h"
#include "ostiary/nft/earlier.h"
#include "ostiary/scope/preconditions.h"
#include "self_test.h"

namespace ostiary::boot {
namespace {

// The self-test, which takes the most, and the gate's TCP clients.
constexpr rlim_t least_open_files = 64;

// Whether processes that an earlier boot confined may be in this network. Ours must hold them as well.
Result<Remaining> find_earlier(const scope::Scope& scope, const confine::Identity& agent) {
  switch (TRY(nft::find_earlier(scope.only_user(agent.uid)))) {
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
                  agent.name +
                  " alone would free them. End these processes, then run: nft delete table inet ostiary");
}

// Denies everything.
Result<> enclose(const plan::Plan& plan, BootState& state) {
  auto network = TRY(Unenclosed::read());  // its error may be why the plan has no server
  if (plan.gate->obstacle) return std::unexpected(*plan.gate->obstacle);
  TRY(plan::check_places(*plan.gate, plan.enclosure.scope));
  for (const upstream::Server& server : plan.gate->setup.upstreams)
    log::debug("phase 1: asks " + text(server));
  const bool ends_with_us = ::getpid() == 1 && state.earlier == Remaining::none;
  state.has_touched_rules = true;
  state.enclosure.emplace(TRY(Enclosure::build(
      {.ruleset = plan.gate->ruleset,
       .network = std::move(network),
       .lifetime = ends_with_us ? nft::Lifetime::ends_with_the_keeper : nft::Lifetime::may_outlive_the_keeper,
       .scope = plan.enclosure.scope,
       .agent = plan.agent.identity},
      state.audit)));
  return {};
}

// The gate knows the enclosure; the supervisor brings what the enclosure notices to the gate.
Result<> start_gate(gate::Setup setup, const confine::Identity& agent, BootState& state) {
  Enclosure& enclosure = *state.enclosure;
  setup.tracking = enclosure.ruleset().tracking;
  state.gate = TRY(GateHelper::create(
      {.run = keeper::main_of(state.programs, gate::description),
       .modes = keeper::start_modes_beside(agent.uid),
       .setup = std::move(setup),
       .listeners = enclosure.listeners(),
       .audit = state.audit,
       .relay = state.relay ? state.relay->gates_end() : -1,
       .expect_changes_from = [&enclosure](uint32_t port) { enclosure.expect_changes_from(port); }}));
  GateHelper& gate = *state.gate;
  state.resolution = TRY(gate.start(state.requests));
  const auto noticed = enclosure.descriptors();
  state.supervisor.watch({noticed.begin(), noticed.end()},
                         [&enclosure, &gate] { return enclosure.look([&gate] { gate.readmit(); }); });
  state.supervisor.add(gate.helper());
  return {};
}

// "a, b, c and 2 more"
std::string first_of(std::vector<std::string> items) {
  constexpr size_t longest = 3;
  const size_t count = items.size();
  items.resize(std::min(count, longest));
  return join(items, ", ") + (count > longest ? " and " + std::to_string(count - longest) + " more" : "");
}

// In the directory that the operator names, if there is one.
Result<std::vector<UniqueFd>> open_spools(const plan::Plan& plan) {
  const std::string& directory = plan.relay->spool_directory;
  if (directory.empty()) return std::vector<UniqueFd>();
  auto spools = relay::open_spool_files(directory, plan.relay->setup.collectors);
  if (!spools)
    return std::unexpected(std::move(spools).error().within(plan.settings.at("relay_spool").origin));
  if (!spools->others.empty())
    log::warn(directory + " has telemetry for collectors that are not configured: " +
              first_of(std::move(spools->others)) + ": it is left alone. Remove it if it is not wanted");
  return std::move(spools->files);
}

// What the relay needs of files, opened before the network changes.
struct RelayFiles {
  UniqueFd program = {};
  std::vector<UniqueFd> spools = {};
};
Result<RelayFiles> open_relay_files(const plan::Plan& plan) {
  if (!plan.relay) return RelayFiles{};
  return RelayFiles{.program = TRY(relay::open_program()), .spools = TRY(open_spools(plan))};
}

// It prepares itself while the gate resolves names.
Result<> start_relay(const plan::Relay& relay, RelayFiles files, const confine::Identity& agent,
                     BootState& state) {
  state.relay = TRY(RelayHelper::create({.code = {.run = nullptr, .file = std::move(files.program)},
                                         .modes = relay::start_modes_beside(agent.uid),
                                         .plan = relay,
                                         .audit = state.audit,
                                         .spools = std::move(files.spools)}));
  TRY(state.relay->start());
  state.supervisor.add(state.relay->helper());
  return {};
}

bool is_required(std::span<const policy::Rule> rules, std::string_view name) {
  return std::ranges::any_of(rules, [name](const policy::Rule& rule) {
    return rule.need == policy::Need::required && text(rule.subject) == name;
  });
}

std::string describe(const Resolution::Unopened& unopened) {
  std::string what = unopened.name + " " + unopened.why;
  if (unopened.kind == Resolution::Unopened::Kind::unresolved) return what;
  return what + ": write {\"host\": \"" + unopened.name +
         "\", \"private\": true} into the policy file's allow";
}

Result<> log_resolution(const gate::Setup& setup, BootState& state) {
  const Resolution& names = state.resolution;
  log::info("phase 1: " + std::to_string(names.resolved) + " of " +
            std::to_string(names.resolved + names.unopened.size()) + " names are open");
  const gate::Terms& terms = setup.terms;
  const bool has_network = std::max(terms.ipv4, terms.ipv6) == gate::Reachability::reachable;
  if (!has_network)
    log::warn(
        "no route leads out of this network, so no name can be used: give the container a network and start "
        "it again");
  for (const Resolution::Unopened& each : names.unopened) {
    if (is_required(setup.rules, each.name) || is_required(setup.relayed, each.name))
      return fail(Exit::unavailable, describe(each) + ". It is required");
    state.status.unresolved.push_back(each.name);
    const bool may_open_later = each.kind == Resolution::Unopened::Kind::unresolved;
    if (has_network) log::warn(describe(each) + (may_open_later ? ": it stays allowed for later" : ""));
  }
  return {};
}

// The agent may connect to such a process, which may also have a network that the rules do not hold.
void look_for_services(const scope::Scope& scope) {
  if (!scope.holds_everybody) return;
  const auto foreign = net::find_foreign_listeners();
  if (!foreign)
    log::info("services of processes outside of this container are not looked for: " +
              foreign.error().message);
  else if (!foreign->places.empty())
    log::warn(net::describe(*foreign));
}

}  // namespace

Result<> check_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= least_open_files) return {};
  return fail(Exit::unavailable, "the limit of open files is " + std::to_string(limit.rlim_cur) +
                                     ", and the gate needs " + std::to_string(least_open_files) +
                                     ": raise it with ulimit -n, or docker run --ulimit nofile");
}

Result<> check_network(const plan::Enclosure& enclosure, const confine::Identity& agent, BootState& state) {
  TRY(scope::check_preconditions(
      enclosure.scope, {.network = enclosure.network, .in_place = enclosure.in_place, .agent = agent}));
  state.earlier = TRY(find_earlier(enclosure.scope, agent));
  return {};
}

Result<> open_gate(const plan::Plan& plan, BootState& state) {
  const gate::Setup& setup = plan.gate->setup;
  const confine::Identity& agent = plan.agent.identity;
  auto relays_files = TRY(open_relay_files(plan));
  TRY(enclose(plan, state));
  if (plan.relay) TRY(start_relay(*plan.relay, std::move(relays_files), agent, state));
  TRY(start_gate(setup, agent, state));
  // In user scope other users need resolv.conf too, and the redirect serves the agent.
  if (plan.enclosure.scope.owns_resolver) state.enclosure->point_resolver_at_gate();
  state.status.tracking = text(state.enclosure->ruleset().tracking);
  if (const auto form = state.enclosure->queue_form()) state.status.check_names = text(*form);
  if (TRY(is_asked_to_end(state))) return {};
  TRY(log_resolution(setup, state));
  const selftest::Targets targets =
      with_admitted(plan.gate->self_test, state.resolution.admitted, state.gate->process());
  state.status.self_test = TRY(run_self_test(agent, targets, state.audit));
  look_for_services(plan.enclosure.scope);
  TRY(state.gate->end_self_test());
  return state.relay ? state.relay->await() : Result<>{};
}

}  // namespace ostiary::boot
