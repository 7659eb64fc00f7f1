#include "gate_supervisor.h"

#include <algorithm>
#include <array>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ostiary/base/log.h"
#include "ostiary/net/routes.h"
#include "ostiary/nft/table.h"
#include "ostiary/state/files.h"
#include "tracking_probe.h"

namespace ostiary::boot {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

const char* text(nft::Change::Kind change) {
  switch (change) {
    case nft::Change::Kind::table_gone:
      return "the table was deleted";
    case nft::Change::Kind::missed:
      return "too many changes at once: the kernel did not report all";
    case nft::Change::Kind::changed:
    case nft::Change::Kind::joined:
      break;
  }
  return "the table was changed";
}

enum class Readable : uint8_t { neither, first, second };

// Which of them becomes readable; the second where both do.
Readable wait_for(int first, int second, milliseconds limit) {
  std::array<pollfd, 2> both{
      {{.fd = first, .events = POLLIN, .revents = 0}, {.fd = second, .events = POLLIN, .revents = 0}}};
  if (::poll(both.data(), both.size(), static_cast<int>(limit.count())) <= 0) return Readable::neither;
  return both[1].revents != 0 ? Readable::second : Readable::first;
}

}  // namespace

GateSupervisor::GateSupervisor(const plan::Plan& plan, audit::Journal& journal, net::ResolverFile resolver,
                               plan::GatePlan gate, RulesGuard rules)
    : plan_(plan),
      journal_(journal),
      resolver_(std::move(resolver)),
      setup_(std::move(gate.setup)),
      local_upstreams_(std::move(gate.local_upstreams)),
      rules_(std::move(rules)),
      gate_(gate::description, keeper::start_modes_beside(plan.agent.identity.uid), own_gate(),
            gate_events()) {}

keeper::HelperOwner GateSupervisor::own_gate() {
  return {.prepare = [this] { return prepare_start(); },
          .on_message = [this](std::string_view octets) { return on_message(octets); }};
}

keeper::HelperEvents GateSupervisor::gate_events() {
  return {.on_begun = [this](pid_t process, size_t deaths) { on_begun(process, deaths); },
          .on_death = [this](pid_t process, int wait_status) { on_death(process, wait_status); }};
}

// ---- phase 1

Result<std::unique_ptr<GateSupervisor>> GateSupervisor::open(const plan::Plan& plan, audit::Journal& journal,
                                                             const event::Signals& requests,
                                                             Remaining earlier) {
  TRY(net::bring_loopback_up());
  auto resolver = TRY(net::ResolverFile::read(net::resolver_path));
  auto routes = TRY(net::RouteWatch::open());
  plan::GatePlan gate = TRY(plan::make_gate_plan(plan, TRY(net::read_routes())));
  for (const std::string& server : gate.not_asked) log::warn(server + ": it is not asked");
  for (const upstream::Server& server : gate.setup.upstreams) log::debug("phase 1: asks " + text(server));
  gate.setup.audit_bound = journal.bound();
  const bool ends_with_us = ::getpid() == 1 && earlier == Remaining::none;
  auto rules = TRY(RulesGuard::deny_everything(
      std::move(gate.ruleset), std::move(routes),
      ends_with_us ? nft::Lifetime::ends_with_the_keeper : nft::Lifetime::may_outlive_the_keeper));
  std::unique_ptr<GateSupervisor> supervisor(
      new GateSupervisor(plan, journal, std::move(resolver), std::move(gate), std::move(rules)));
  TRY(supervisor->start(requests));
  return supervisor;
}

Result<> GateSupervisor::probe_connection_tracking() {
  const nft::Tracking tracking = TRY(probe_tracking(*listeners_, plan_.agent.identity));
  if (tracking == nft::Tracking::both_families) return {};
  if (plan_.enclosure.scope.needs_ipv6_tracking)
    return fail(Exit::unavailable,
                "--scope user: the kernel does not track IPv6 connections, so that the agent's could not be "
                "told from those of others: hold the whole container, or switch IPv6 off");
  log::warn(
      "phase 1: the kernel does not track IPv6 connections: processes ask 127.0.0.1 for names; IPv6 "
      "resolvers are denied; over IPv6, TCP services answer only at ports of --allow-inbound, UDP services "
      "do not");
  return rules_.set_tracking(tracking);
}

// Where resolv.conf names the gate, its questions need no redirect. Not possible if another process has the
// port, or is the upstream there.
Result<> GateSupervisor::listen_directly() {
  const auto is_at_the_gates_address = [](const upstream::Server& server) {
    return plan::is_gates(server.address);
  };
  if (!plan_.enclosure.scope.owns_resolver || std::ranges::any_of(setup_.upstreams, is_at_the_gates_address))
    return {};
  if (const Result<> opened = gate::open_direct(*listeners_); !opened) {
    log::debug("phase 1: the redirect alone serves: " + opened.error().message);
    return {};
  }
  std::vector<inet::IpAddress> addresses{inet::IpAddress::loopback(inet::Family::ipv4)};
  if (listeners_->direct_udp6.valid()) addresses.push_back(inet::IpAddress::loopback(inet::Family::ipv6));
  return rules_.open_direct_dns(std::move(addresses));
}

Result<> GateSupervisor::start(const event::Signals& requests) {
  listeners_ = TRY(gate::open_listeners());
  wildcard_count_ = TRY(SharedPage<gate::WildcardCount>::create("ostiary-wildcard-count"));
  TRY(probe_connection_tracking());
  TRY(listen_directly());
  TRY(begin_first());
  TRY(await_plan(requests));
  if (plan_.enclosure.scope.owns_resolver) point_resolver_at_gate();
  setup_.initial_sets = gate::InitialSets::continued;
  return {};
}

// In user scope other users need resolv.conf too, and the redirect serves the agent.
void GateSupervisor::point_resolver_at_gate() {
  const Result<> pointed = resolver_.point_at_gate();
  if (pointed) return;
  if (rules_.ruleset().tracking == nft::Tracking::ipv4_only)
    log::warn("phase 1: resolv.conf stays as it is, and an IPv6 resolver in it is denied: " +
              pointed.error().message);
  else
    log::info("phase 1: resolv.conf stays as it is, the redirect alone serves: " + pointed.error().message);
}

keeper::Start GateSupervisor::prepare_start() const {
  return gate::prepare_start(*listeners_, setup_,
                             {.audit = journal_.fd(), .wildcard_count = wildcard_count_->fd()});
}

Result<> GateSupervisor::begin_first() {
  TRY(gate_.start());
  const auto hello = TRY(gate::receive(gate_, keeper::time_to_begin));
  if (!hello) return fail(Exit::unavailable, "the gate ended before it began");
  if (hello->kind == gate::Message::Kind::failed) return fail(hello->exit, hello->text);
  return begin(*hello);
}

// The gate reads nothing from the agent before it has sent its hello. The hello contains the port of its
// netlink socket, so that the watch knows its changes.
Result<> GateSupervisor::begin(const gate::Message& hello) {
  if (hello.kind != gate::Message::Kind::hello) return fail(Exit::unavailable, "the gate sent no hello");
  rules_.expect_from(hello.number);
  gate_.begin();
  (void)gate::send_begin(gate_);  // if the gate has ended, its death is reported next
  return {};
}

Result<> GateSupervisor::await_plan(const event::Signals& requests) {
  const auto limit =
      std::chrono::duration_cast<milliseconds>(plan_.gate->resolve_timeout) + keeper::time_to_begin;
  const auto deadline = steady_clock::now() + limit;
  while (true) {
    const auto left = std::max(std::chrono::ceil<milliseconds>(deadline - steady_clock::now()), 0ms);
    if (wait_for(gate_.fd(), requests.fd(), left) == Readable::second) return {};
    auto message = TRY(gate::receive(gate_, 0ms));  // an error if it sent none in time
    if (!message) return fail(Exit::unavailable, "the gate ended before it was ready");
    if (message->kind == gate::Message::Kind::failed) return fail(message->exit, std::move(message->text));
    if (message->kind == gate::Message::Kind::full) begin_new_audit_file();
    if (message->kind == gate::Message::Kind::admitted) {
      log::debug("phase 1: " + message->reason + " is at " + message->text);
      admitted_.push_back(TRY(inet::IpAddress::parse(message->text)));
    }
    if (message->kind == gate::Message::Kind::unresolved)
      unresolved_.push_back(
          {Unresolved::Kind::unresolved, std::move(message->text), std::move(message->reason)});
    if (message->kind == gate::Message::Kind::withheld)
      unresolved_.push_back(
          {Unresolved::Kind::withheld, std::move(message->text), std::move(message->reason)});
    if (message->kind == gate::Message::Kind::ready) {
      resolved_ = message->number;
      return {};
    }
  }
}

gate::Reachability GateSupervisor::network() const {
  return std::max(setup_.terms.ipv4, setup_.terms.ipv6);
}

selftest::Targets GateSupervisor::targets() const {
  // Which ports of an admitted address are open does not matter here: the self-test is to leave it alone.
  std::vector<nft::AddressRule> permitted = rules_.ruleset().addresses;
  for (const inet::IpAddress& address : admitted_)
    for (const uint8_t protocol : {uint8_t{IPPROTO_TCP}, uint8_t{IPPROTO_UDP}})
      permitted.push_back({.network = address,
                           .prefix_length = static_cast<uint8_t>(address.octets().size() * 8),
                           .protocol = protocol,
                           .first_port = 0,
                           .last_port = UINT16_MAX});
  return {.gate_port = gate::port,
          .gate_mark = plan::gate_mark,
          .gate_pid = gate_.process(),
          .permitted = std::move(permitted),
          .local_upstreams = local_upstreams_,
          .allowed_sockets = plan_.enclosure.allowed_sockets,
          .root_only_file = std::string(state::state_directory) + "/" + state::otel_env_name};
}

Result<> GateSupervisor::end_self_test() {
  TRY(gate::send_tested(gate_));
  while (true) {
    const auto message = TRY(gate::receive(gate_, keeper::time_to_begin));
    if (!message) return fail(Exit::unavailable, "the gate ended during the self-test");
    if (message->kind == gate::Message::Kind::failed) return fail(message->exit, message->text);
    if (message->kind == gate::Message::Kind::full) begin_new_audit_file();
    if (message->kind == gate::Message::Kind::tested) return {};
  }
}

// ---- while the agent runs

void GateSupervisor::serve_with(keeper::Supervisor& supervisor) {
  const auto changes = rules_.descriptors();
  supervisor.watch({changes.begin(), changes.end()}, [this] { return guard_rules(); });
  supervisor.add(gate_);
}

Result<> GateSupervisor::guard_rules() {
  // The next gate admits anew. Before its hello the watch would not know its changes.
  const auto restore = [this] {
    if (gate_.has_begun()) (void)gate::send_restore(gate_);
  };
  for (const RulesGuard::Repair& repair : TRY(rules_.look(steady_clock::now(), restore))) TRY(report(repair));
  return {};
}

// Of a gate that was started again, only three things matter: that it failed, that it asks for a new audit
// file, and its end, which SIGCHLD tells.
Result<> GateSupervisor::on_message(std::string_view octets) {
  const auto message = gate::parse_message(octets);
  if (!message && !gate_.has_begun()) return fail(Exit::unavailable, "the gate sent a malformed message");
  if (!message) return {};
  if (message->kind == gate::Message::Kind::failed)
    log::warn(message->text);
  else if (!gate_.has_begun())
    return begin(*message);
  if (message->kind == gate::Message::Kind::full) begin_new_audit_file();
  return {};
}

// The journal decides whether a new file is due, not the gate that asks. Where none can be made, the gate
// asks again, and the present file stays within its bound.
void GateSupervisor::begin_new_audit_file() {
  const Result<> begun = journal_.begin_new_file(std::chrono::system_clock::now());
  if (!begun) log::warn("no new file for the audit: " + begun.error().message);
  if (begun) (void)gate::hand_over_audit(gate_, journal_.fd());
}

void GateSupervisor::on_death(pid_t process, int wait_status) {
  const bool by_signal = WIFSIGNALED(wait_status);
  const int number = by_signal ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
  tell(audit::HelperDied{.helper = gate::description.name,
                         .process = static_cast<uint32_t>(process),
                         .how = by_signal ? audit::HelperDied::How::signal : audit::HelperDied::How::status,
                         .number = static_cast<uint32_t>(number)});
  log::warn("the gate ended with " + std::string(by_signal ? "signal " : "status ") + std::to_string(number) +
            ": nothing new resolves until it is back");
}

void GateSupervisor::on_begun(pid_t process, size_t deaths) {
  tell(audit::HelperStarted{.helper = gate::description.name, .process = static_cast<uint32_t>(process)});
  if (deaths == 0) return;
  tell(audit::HelperRestarted{.helper = gate::description.name,
                              .process = static_cast<uint32_t>(process),
                              .attempt = static_cast<uint32_t>(deaths)});
  log::warn("the gate is back");
}

Result<> GateSupervisor::report(const RulesGuard::Repair& repair) {
  using Response = audit::Tampering::Response;
  const std::string what = text(repair.change.kind);
  tell(audit::Tampering{.what = what,
                        .process = repair.change.process,
                        .program = repair.change.program,
                        .response = repair.outcome ? Response::repaired : Response::agent_ended});
  const std::string by = repair.change.program.empty() ? "" : ", by " + repair.change.program;
  log::warn("another process changed the rules (" + what + by +
            "): " + (repair.outcome ? "put right" : "ending the agent"));
  return repair.outcome;
}

// ---- the end

void GateSupervisor::close() {
  gate_.end();
  const Result<> put_back = resolver_.put_back();
  if (!put_back) log::warn("resolv.conf could not be put back: " + put_back.error().message);
}

void GateSupervisor::tell(const audit::Event& event) {
  journal_.record(event, std::chrono::system_clock::now());
  if (journal_.wants_new_file()) begin_new_audit_file();
}

}  // namespace ostiary::boot
