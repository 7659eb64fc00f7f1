#include "ostiary/boot/gate_supervisor.h"

#include <algorithm>
#include <array>

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ostiary/base/log.h"
#include "ostiary/boot/tracking_probe.h"
#include "ostiary/inet/socket_address.h"
#include "ostiary/inet/special.h"
#include "ostiary/net/interfaces.h"
#include "ostiary/net/routes.h"
#include "ostiary/nft/flows.h"
#include "ostiary/nft/table.h"
#include "ostiary/policy/policy.h"
#include "ostiary/state/files.h"
#include "ostiary/upstream/in_turn.h"

namespace ostiary::boot {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

// Worn by the gate's packets alone: setting it takes CAP_NET_ADMIN.
constexpr uint32_t gate_mark = 0x6f737469;
constexpr uint16_t log_group = 5353;

namespace limits {
constexpr auto window = 1min;
constexpr size_t max_deaths = 8;      // within the window
constexpr size_t max_tampering = 16;  // within the window
constexpr milliseconds to_begin = 5s;
constexpr milliseconds to_end = 1s;
constexpr milliseconds longest_pause = 2s;
static_assert(to_end < to_begin && longest_pause < window);
}  // namespace limits

// The first restart is at once; each further one within the window waits twice as long.
milliseconds pause_before_restart(size_t deaths) {
  if (deaths <= 1) return 0ms;
  return std::min(limits::longest_pause, 10ms * (1 << std::min<size_t>(deaths - 2, 16)));
}

// Adds a moment, forgets those that are over, and counts what is left.
size_t note(std::deque<steady_clock::time_point>& moments) {
  const auto now = steady_clock::now();
  moments.push_back(now);
  while (moments.front() + limits::window < now) moments.pop_front();
  return moments.size();
}

enum class Readable : uint8_t { neither, first, second };

// Which of them becomes readable; the second where both do.
Readable wait_for(int first, int second, milliseconds limit) {
  std::array<pollfd, 2> both{
      {{.fd = first, .events = POLLIN, .revents = 0}, {.fd = second, .events = POLLIN, .revents = 0}}};
  if (::poll(both.data(), both.size(), static_cast<int>(limit.count())) <= 0) return Readable::neither;
  return both[1].revents != 0 ? Readable::second : Readable::first;
}

gate::Reachability family(net::Reach reach) {
  return reach == net::Reach::none ? gate::Reachability::unreachable : gate::Reachability::reachable;
}

bool is_gates(const inet::IpAddress& address) {
  return address == inet::IpAddress::loopback(address.family());
}

Result<gate::Setup> make_setup(const plan::Plan& plan) {
  const net::Reachable reach = TRY(net::read_reach());
  gate::Setup setup;
  setup.rules = plan.rules;
  plan::Askable askable = TRY(plan::choose_upstreams(plan));
  for (const std::string& refused : askable.refused) log::warn(refused + ": it is not asked");
  for (const upstream::Server& server : askable.servers) log::debug("phase 1: asks " + text(server));
  setup.upstreams = std::move(askable.servers);
  setup.terms = {.hold = plan.hold, .ipv4 = family(reach.ipv4), .ipv6 = family(reach.ipv6)};
  setup.resolve_timeout = plan.resolve_timeout;
  setup.initial_sets = gate::InitialSets::empty;
  setup.mark = gate_mark;
  setup.log_group = log_group;
  setup.user = gate::user;
  return setup;
}

std::vector<uint8_t> protocols(policy::Protocol protocol) {
  std::vector<uint8_t> numbers;
  if (protocol != policy::Protocol::udp) numbers.push_back(IPPROTO_TCP);
  if (protocol != policy::Protocol::tcp) numbers.push_back(IPPROTO_UDP);
  return numbers;
}

nft::Ruleset make_ruleset(const plan::Plan& plan, const gate::Setup& setup) {
  nft::Ruleset ruleset;
  ruleset.gate_mark = gate_mark;
  ruleset.gate_port = gate::port;
  ruleset.log_group = log_group;
  ruleset.agent_user = plan.identity.uid;
  if (plan.scope == config::Scope::user) ruleset.only_user = plan.identity.uid;
  for (const upstream::Server& server : setup.upstreams)
    if (plan::is_of_this_host(server.address) && !is_gates(server.address) &&
        std::ranges::find(ruleset.closed_resolvers, server.address) == ruleset.closed_resolvers.end())
      ruleset.closed_resolvers.push_back(server.address);
  const policy::Policy policy = policy::Policy::compile(plan.rules);
  for (const policy::StaticGrant& each : policy.static_grants())
    for (const policy::Grant& grant : each.grants)
      ruleset.addresses.push_back({.network = each.prefix.network(),
                                   .prefix_length = each.prefix.length(),
                                   .protocol = static_cast<uint8_t>(grant.transport),
                                   .first_port = grant.ports.first,
                                   .last_port = grant.ports.last});
  for (const policy::Rule& rule : plan.inbound)
    for (const inet::PortRange& ports : rule.ports.ranges())
      for (const uint8_t protocol : protocols(rule.protocol))
        ruleset.inbound.push_back({.network = std::get<inet::Prefix>(rule.subject).network(),
                                   .prefix_length = std::get<inet::Prefix>(rule.subject).length(),
                                   .protocol = protocol,
                                   .first_port = ports.first,
                                   .last_port = ports.last});
  return ruleset;
}

}  // namespace

GateSupervisor::GateSupervisor(const plan::Plan& plan, audit::Journal& journal, net::ResolverFile resolver,
                               gate::Setup setup, nft::Ruleset ruleset, nft::Watch watch, nft::Table table,
                               net::RouteWatch routes)
    : plan_(plan),
      journal_(journal),
      resolver_(std::move(resolver)),
      setup_(std::move(setup)),
      ruleset_(std::move(ruleset)),
      watch_(std::move(watch)),
      table_(std::move(table)),
      routes_(std::move(routes)) {}

// ---- phase 1

Result<std::unique_ptr<GateSupervisor>> GateSupervisor::open(const plan::Plan& plan, audit::Journal& journal,
                                                             const event::Signals& requests,
                                                             Remaining earlier) {
  TRY(net::bring_loopback_up());
  auto resolver = TRY(net::ResolverFile::read(net::resolver_path));
  auto setup = TRY(make_setup(plan));
  setup.audit_bound = journal.bound();
  auto ruleset = make_ruleset(plan, setup);
  auto table = TRY(nft::Table::open());
  if (::getpid() == 1 && earlier == Remaining::none) table.set_lifetime(nft::Lifetime::ends_with_the_keeper);
  auto watch = TRY(nft::Watch::open(table));
  auto routes = TRY(net::RouteWatch::open());
  ruleset.routes = TRY(net::read_routed_networks());
  std::unique_ptr<GateSupervisor> ward(
      new GateSupervisor(plan, journal, std::move(resolver), std::move(setup), std::move(ruleset),
                         std::move(watch), std::move(table), std::move(routes)));
  TRY(ward->deny_everything_at_first());
  if (Result<> opened = ward->open_what_the_plan_names(requests); !opened) {
    if (plan.network == net::NamespaceKind::machine && earlier == Remaining::none) {
      ward->close();
      (void)nft::remove();
    }
    return std::unexpected(std::move(opened).error());
  }
  return ward;
}

Result<> GateSupervisor::deny_everything() {
  return table_.apply(ruleset_, nft::Existing::replace);
}

// Whatever an earlier boot or nobody's rules let through ends here.
Result<> GateSupervisor::deny_everything_at_first() {
  if (Result<> applied = deny_everything(); !applied) {
    if (ruleset_.only_user) return applied;
    ruleset_.zones = nft::Zones::unsupported;
    if (!deny_everything()) return applied;
    log::warn(
        "phase 1: the kernel has no zones of connections: where the agent floods the upstream's address with "
        "questions, names may not resolve for half a minute");
  }
  return nft::settle_flows(ruleset_);
}

// The rules are for both families until it is known better: what is not tracked is denied by them as well.
Result<> GateSupervisor::find_out_tracking() {
  ruleset_.tracking = TRY(probe_tracking(*listeners_, plan_.identity));
  if (ruleset_.tracking == nft::Tracking::both_families) return {};
  if (ruleset_.only_user)
    return fail(Exit::unavailable,
                "--scope user: the kernel does not track IPv6 connections, so that the agent's could not be "
                "told from those of others: hold the whole container, or switch IPv6 off");
  log::warn(
      "phase 1: the kernel does not track IPv6 connections: processes ask 127.0.0.1 for names; IPv6 "
      "resolvers are denied; over IPv6, TCP services answer only at ports of --allow-inbound, UDP services "
      "do not");
  return deny_everything();
}

// Where resolv.conf names the gate, its questions need no redirect. Not where another process has that port,
// or is to be asked there.
Result<> GateSupervisor::listen_directly() {
  const auto is_at_the_gates_address = [](const upstream::Server& server) {
    return is_gates(server.address);
  };
  if (plan_.scope != config::Scope::container ||
      std::ranges::any_of(setup_.upstreams, is_at_the_gates_address))
    return {};
  if (const Result<> opened = gate::open_direct(*listeners_); !opened) {
    log::debug("phase 1: the redirect alone serves: " + opened.error().message);
    return {};
  }
  ruleset_.direct_dns = {inet::IpAddress::loopback(inet::Family::ipv4)};
  if (listeners_->direct_udp6.valid())
    ruleset_.direct_dns.push_back(inet::IpAddress::loopback(inet::Family::ipv6));
  return table_.open_direct_dns(ruleset_);
}

Result<> GateSupervisor::open_what_the_plan_names(const event::Signals& requests) {
  listeners_ = TRY(gate::open_listeners());
  wildcard_count_ = TRY(SharedPage<gate::WildcardCount>::create("ostiary-wildcard-count"));
  TRY(find_out_tracking());
  TRY(listen_directly());
  if (TRY(start()) == Start::ended) return fail(Exit::unavailable, "the gate ended before it began");
  TRY(await_plan(requests));
  // Beside others it is theirs as well; the redirect serves the agent alone.
  const bool ours = plan_.scope == config::Scope::container;
  if (const Result<> pointed = ours ? resolver_.point_at_gate() : Result<>{}; !pointed) {
    if (ruleset_.tracking == nft::Tracking::ipv4_only)
      log::warn("phase 1: resolv.conf stays as it is, and an IPv6 resolver in it is denied: " +
                pointed.error().message);
    else
      log::info("phase 1: resolv.conf stays as it is, the redirect alone serves: " + pointed.error().message);
  }
  setup_.initial_sets = gate::InitialSets::continued;
  return {};
}

// The gate reads nothing of the agent's before its hello. With the hello comes the number of its netlink
// socket, so that the watch knows its changes.
Result<GateSupervisor::Start> GateSupervisor::start() {
  const bool again = setup_.initial_sets == gate::InitialSets::continued;
  const gate::StartMode mode =
      again && plan_.identity.uid == 0 ? gate::StartMode::fork : gate::StartMode::exec;
  gate_ = TRY(gate::Process::start(*listeners_, setup_,
                                   {.audit = journal_.fd(), .wildcard_count = wildcard_count_->fd()}, mode));
  const auto hello = TRY(gate_->receive(limits::to_begin));
  if (!hello) return Start::ended;
  if (hello->kind == gate::Message::Kind::failed) {
    if (!again) return fail(static_cast<Exit>(hello->number), hello->text);
    log::warn(hello->text);
    return Start::ended;
  }
  watch_.expect_from(hello->number);
  watch_descriptors();
  tell(audit::GateStarted{.process = static_cast<uint32_t>(gate_->pid())});
  return gate_->send_begin() ? Start::begun : Start::ended;
}

Result<> GateSupervisor::await_plan(const event::Signals& requests) {
  const auto limit = std::chrono::duration_cast<milliseconds>(plan_.resolve_timeout) + limits::to_begin;
  while (true) {
    if (wait_for(gate_->fd(), requests.fd(), limit) == Readable::second) return {};
    auto message = TRY(gate_->receive(limit));
    if (!message) return fail(Exit::unavailable, "the gate ended before it was ready");
    if (message->kind == gate::Message::Kind::failed)
      return fail(static_cast<Exit>(message->number), std::move(message->text));
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
  std::vector<nft::AddressRule> permitted = ruleset_.addresses;
  for (const inet::IpAddress& address : admitted_)
    for (const uint8_t protocol : {uint8_t{IPPROTO_TCP}, uint8_t{IPPROTO_UDP}})
      permitted.push_back({.network = address,
                           .prefix_length = static_cast<uint8_t>(address.octets().size() * 8),
                           .protocol = protocol,
                           .first_port = 0,
                           .last_port = UINT16_MAX});
  std::vector<selftest::AddressPort> local_upstreams;
  for (const upstream::Server& server : setup_.upstreams)
    if (plan::is_of_this_host(server.address)) local_upstreams.push_back({server.address, server.port});
  return {.gate_port = gate::port,
          .gate_mark = gate_mark,
          .gate_pid = process(),
          .permitted = std::move(permitted),
          .local_upstreams = std::move(local_upstreams),
          .allowed_sockets = plan_.allowed_sockets,
          .root_only_file = std::string(state::state_directory) + "/" + state::otel_env_name};
}

Result<> GateSupervisor::end_self_test() {
  TRY(gate_->send_tested());
  while (true) {
    const auto message = TRY(gate_->receive(limits::to_begin));
    if (!message) return fail(Exit::unavailable, "the gate ended during the self-test");
    if (message->kind == gate::Message::Kind::failed)
      return fail(static_cast<Exit>(message->number), message->text);
    if (message->kind == gate::Message::Kind::full) begin_new_audit_file();
    if (message->kind == gate::Message::Kind::tested) return {};
  }
}

// ---- while the agent runs

void GateSupervisor::watch_descriptors(GateEnd gate) {
  descriptors_ = {watch_.fd(), routes_.fd()};
  if (gate_ && gate == GateEnd::listens) descriptors_.push_back(gate_->fd());
}

Result<> GateSupervisor::look() {
  TRY(follow_routes());
  for (const nft::Change& change : TRY(watch_.read())) TRY(put_rules_right(change));
  if (gate_) receive_messages();
  if (!restart_ || *restart_ > steady_clock::now()) return {};
  restart_.reset();
  if (TRY(start()) == Start::ended) return {};  // a death like others, which SIGCHLD tells
  tell(audit::GateRestarted{.process = static_cast<uint32_t>(gate_->pid()),
                            .attempt = static_cast<uint32_t>(deaths_.size())});
  log::warn("the gate is back");
  return {};
}

// Of a gate that was started again, only three things matter: that it failed, that it asks for a new audit
// file, and its end, which SIGCHLD tells.
void GateSupervisor::receive_messages() {
  const auto message = gate_->receive(0ms);
  if (message && !*message) watch_descriptors(GateEnd::has_ended);
  if (!message || !*message) return;
  if ((*message)->kind == gate::Message::Kind::failed) log::warn((*message)->text);
  if ((*message)->kind == gate::Message::Kind::full) begin_new_audit_file();
}

// The journal decides whether a new file is due, not the gate that asks. Where none can be made, the gate
// asks again, and the present file stays within its bound.
void GateSupervisor::begin_new_audit_file() {
  const Result<> begun = journal_.begin_new_file(std::chrono::system_clock::now());
  if (!begun) log::warn("no new file for the audit: " + begun.error().message);
  if (begun && gate_) (void)gate_->hand_over_audit(journal_.fd());
}

Result<> GateSupervisor::on_end(int wait_status) {
  const bool by_signal = WIFSIGNALED(wait_status);
  const int number = by_signal ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
  tell(audit::GateDied{.process = static_cast<uint32_t>(gate_->pid()),
                       .how = by_signal ? audit::GateDied::How::signal : audit::GateDied::How::status,
                       .number = static_cast<uint32_t>(number)});
  log::warn("the gate ended with " + std::string(by_signal ? "signal " : "status ") + std::to_string(number) +
            ": nothing new resolves until it is back");
  gate_.reset();
  watch_descriptors();
  const size_t deaths = note(deaths_);
  if (deaths > limits::max_deaths)
    return fail(Exit::unavailable, "the gate ended " + std::to_string(deaths) + " times within a minute");
  restart_ = steady_clock::now() + pause_before_restart(deaths);
  return {};
}

Result<> GateSupervisor::follow_routes() {
  if (TRY(routes_.read()) == net::Routes::as_they_were) return {};
  auto routes = TRY(net::read_routed_networks());
  if (routes == ruleset_.routes) return {};
  ruleset_.routes = std::move(routes);
  if (table_.renew_routes(ruleset_)) return {};
  // The set may have gone at somebody else's hand, which the watch tells next.
  return table_.apply(ruleset_, nft::Existing::keep_admissions);
}

Result<> GateSupervisor::put_rules_right(const nft::Change& change) {
  if (change.kind == nft::Change::Kind::joined) {
    table_.remember_joined();
    return {};
  }
  const std::string what =
      change.kind == nft::Change::Kind::table_gone ? "the table was deleted" : "the table was changed";
  // Missed changes are most often the gate's own: keep its admissions, and tell of no tampering.
  const bool missed = change.kind == nft::Change::Kind::missed;
  const auto applied =
      table_.apply(ruleset_, missed ? nft::Existing::keep_admissions : nft::Existing::replace);
  if (missed && applied) return {};
  // What the gate told the agent holds again before flows are looked at, which are many.
  if (applied && gate_) (void)gate_->send_restore();  // one that has just ended admits anew when it is back
  // The agent may have begun flows while the rules were missing. The rules for one user mark its own.
  const bool for_all = plan_.scope == config::Scope::container;
  const Result<> settled = for_all ? nft::settle_flows(ruleset_) : Result<>{};
  const bool gone_on_too_long = note(tampering_) > limits::max_tampering;
  const bool right = applied && settled && !gone_on_too_long;
  using Response = audit::Tampering::Response;
  tell(audit::Tampering{.what = what,
                        .process = change.process,
                        .program = change.program,
                        .response = right ? Response::repaired : Response::agent_ended});
  log::warn("somebody else touched the rules (" + what + ", by " + change.program +
            "): " + (right ? "put right" : "ending the agent"));
  if (!applied) return std::unexpected(applied.error());
  if (!settled) return std::unexpected(settled.error());
  if (gone_on_too_long) return fail(Exit::unavailable, "somebody else keeps changing the rules");
  return {};
}

// ---- the end

void GateSupervisor::close() {
  if (gate_) {
    const pid_t pid = gate_->pid();
    gate_.reset();  // its channel ends, and it with it
    const auto deadline = steady_clock::now() + limits::to_end;
    int status = 0;
    while (::waitpid(pid, &status, WNOHANG) == 0) {
      if (steady_clock::now() > deadline) ::kill(pid, SIGKILL);
      ::usleep(500);
    }
  }
  const Result<> put_back = resolver_.put_back();
  if (!put_back) log::warn("resolv.conf could not be put back: " + put_back.error().message);
}

void GateSupervisor::tell(const audit::Event& event) {
  journal_.record(event, std::chrono::system_clock::now());
  if (journal_.wants_new_file()) begin_new_audit_file();
}

}  // namespace ostiary::boot
