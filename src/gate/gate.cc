#include "ostiary/gate/gate.h"

#include <optional>
#include <utility>

#include <malloc.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "ostiary/audit/journal.h"
#include "ostiary/base/process_name.h"
#include "ostiary/base/shared_page.h"
#include "ostiary/confine/confine_gate.h"
#include "ostiary/event/epoll.h"
#include "ostiary/gate/answerer.h"
#include "ostiary/gate/ledger.h"
#include "ostiary/gate/recorder.h"
#include "ostiary/keeper/inherited.h"
#include "ostiary/nft/denied_log.h"
#include "ostiary/upstream/in_turn.h"
#include "plan_host.h"
#include "tcp_server.h"
#include "udp_server.h"

namespace ostiary::gate {
namespace {

using std::chrono::steady_clock;

// The kind of a descriptor. An epoll token has the kind in its upper half. Its lower half is the
// number of the descriptor among those of its kind.
enum class Source : uint32_t { channel, upstream, denied, udp, tcp_listener, tcp_connection };

constexpr uint64_t token(Source source, uint32_t number = 0) {
  return (uint64_t{static_cast<uint32_t>(source)} << 32U) | number;
}

// Those that the keeper has.
std::vector<UniqueFd> take(keeper::Inherited& inherited, std::initializer_list<std::string_view> names) {
  std::vector<UniqueFd> sockets;
  for (const std::string_view name : names)
    if (UniqueFd socket = inherited.take(name); socket.valid()) sockets.push_back(std::move(socket));
  return sockets;
}

Result<audit::Journal> open_journal(UniqueFd fd, audit::FileBound bound) {
  if (!fd.valid()) return audit::Journal::none();
  return audit::Journal::to_fd(std::move(fd), bound);
}

// Opened before the gate confines itself, because a confined gate cannot open most of it.
struct Resources {
  Setup setup;
  const UniqueFd& channel;
  std::vector<UniqueFd> udp;
  std::vector<UniqueFd> tcp;
  Recorder recorder;
  SharedPage<WildcardCount> wildcard_count;
  policy::Policy policy;
  nft::KernelAdmissions admissions;
  nft::DeniedLog denied;
  std::unique_ptr<event::Epoll> epoll;
  std::unique_ptr<upstream::InTurn> upstream;
};

Result<Resources> open_resources(const UniqueFd& channel, keeper::Inherited inherited) {
  Setup setup = TRY(parse_setup(inherited.setup()));
  auto journal = TRY(open_journal(inherited.take(fd_name::audit), setup.audit_bound));
  auto wildcard_count = TRY(SharedPage<WildcardCount>::attach(inherited.take(fd_name::wildcard_count),
                                                              "the gate's wildcard count"));
  policy::Policy policy = policy::Policy::compile(setup.rules);
  auto admissions = TRY(nft::KernelAdmissions::open());
  auto denied = TRY(nft::DeniedLog::open(setup.log_group));
  auto epoll = std::make_unique<event::Epoll>(TRY(event::Epoll::create()));
  auto resolver = TRY(upstream::InTurn::create({.servers = setup.upstreams, .mark = setup.mark},
                                               {.epoll = *epoll, .token = token(Source::upstream)}));
  return Resources{
      .setup = std::move(setup),
      .channel = channel,
      .udp = take(inherited, {fd_name::direct_udp4, fd_name::direct_udp6, fd_name::udp4, fd_name::udp6}),
      .tcp = take(inherited, {fd_name::tcp4, fd_name::tcp6}),
      .recorder = Recorder(std::move(journal)),
      .wildcard_count = std::move(wildcard_count),
      .policy = std::move(policy),
      .admissions = std::move(admissions),
      .denied = std::move(denied),
      .epoll = std::move(epoll),
      .upstream = std::move(resolver)};
}

class Gate {
 public:
  explicit Gate(Resources& resources)
      : resources_(resources),
        udp_(std::move(resources.udp)),
        tcp_(std::move(resources.tcp), *resources.epoll, token(Source::tcp_connection)),
        ledger_(resources.admissions, resources.setup.initial_sets),
        wildcards_(*resources.wildcard_count),
        answerer_({resources.policy, *resources.upstream, ledger_, resources.recorder, wildcards_},
                  resources.setup.terms,
                  [this](const Client& client, std::span<const uint8_t> answer) { send(client, answer); }),
        upstream_(std::move(resources.upstream)) {}

  Result<int> serve() {
    TRY(watch());
    if (resources_.setup.initial_sets == InitialSets::empty)
      resources_.recorder.set_actor(audit::Actor::self_test);
    else
      TRY(resources_.denied.gather());
    resolve_plan();
    while (!ended_) {
      upstream_due_ = upstream_->deadline();
      const auto ready = TRY(resources_.epoll->wait(deadline()));
      const auto now = steady_clock::now();
      for (const epoll_event& event : ready) TRY(on_event(event, now));
      on_time(now);
      udp_.flush();
      upstream_->tidy();
      resources_.recorder.write();
      if (resources_.recorder.asks_for_file(now)) send_message({.kind = Message::Kind::full});
    }
    TRY(resources_.denied.end());
    TRY(read_all_denied(steady_clock::now()));
    resources_.recorder.flush();
    return 0;
  }

 private:
  Result<> watch() {
    event::Epoll& epoll = *resources_.epoll;
    TRY(epoll.add(resources_.channel.get(), EPOLLIN, token(Source::channel)));
    TRY(epoll.add(resources_.denied.fd(), EPOLLIN, token(Source::denied)));
    for (uint32_t i = 0; i < udp_.sockets().size(); ++i)
      TRY(epoll.add(udp_.sockets()[i].get(), EPOLLIN, token(Source::udp, i)));
    for (uint32_t i = 0; i < tcp_.listeners().size(); ++i)
      TRY(epoll.add(tcp_.listeners()[i].get(), EPOLLIN, token(Source::tcp_listener, i)));
    return {};
  }

  event::Deadline deadline() const {
    event::Deadline first = event::earlier(upstream_due_, tcp_.deadline());
    first = event::earlier(first, resources_.recorder.due());
    return unfinished_ > 0 ? event::earlier(first, plan_deadline_) : first;
  }

  Result<> on_event(const epoll_event& event, steady_clock::time_point now) {
    const auto number = static_cast<uint32_t>(event.data.u64);
    const UdpServer::Handler handler = [&](std::span<const uint8_t> message, const Client& client) {
      answerer_.take(message, client, now);
    };
    switch (static_cast<Source>(event.data.u64 >> 32U)) {
      case Source::channel:
        return on_command(now);
      case Source::upstream:
        upstream_->process(static_cast<int>(number), event.events);
        return {};
      case Source::denied:
        TRY(on_denied(now));
        return {};
      case Source::udp:
        udp_.receive(number, handler);
        return {};
      case Source::tcp_listener:
        tcp_.accept(number, now);
        return {};
      case Source::tcp_connection:
        tcp_.serve(number, event.events, handler, now);
        return {};
    }
    return {};
  }

  void on_time(steady_clock::time_point now) {
    if (upstream_due_ && *upstream_due_ <= now) upstream_->process_due();
    if (const auto due = resources_.recorder.due(); due && *due <= now) resources_.recorder.flush();
    tcp_.close_overdue(now);
    if (unfinished_ > 0 && plan_deadline_ <= now) give_up_plan();
  }

  Result<> on_command(steady_clock::time_point now) {
    auto received = TRY(receive_command(resources_.channel.get()));
    if (!received)
      ended_ = true;
    else if (received->command == Command::restore)
      TRY(ledger_.restore(now));
    else if (received->command == Command::tested)
      TRY(on_tested(now));
    else if (received->command == Command::audit && received->descriptor.valid())
      resources_.recorder.continue_in(std::move(received->descriptor));
    return {};
  }

  // The self-test has caused all denials until now. The keeper continues after the reply.
  Result<> on_tested(steady_clock::time_point now) {
    TRY(read_all_denied(now));
    resources_.recorder.set_actor(audit::Actor::agent);
    TRY(resources_.denied.gather());
    send_message({.kind = Message::Kind::tested});
    return {};
  }

  Result<> read_all_denied(steady_clock::time_point now) {
    while (TRY(on_denied(now)) > 0) {
    }
    return {};
  }

  // Returns the number of events.
  Result<size_t> on_denied(steady_clock::time_point now) {
    const auto denied = TRY(resources_.denied.read());
    for (const nft::Denied& each : denied)
      resources_.recorder.record_folded(audit::DenyPacket{.address = each.destination,
                                                          .port = each.port,
                                                          .protocol = each.protocol,
                                                          .icmp_type = each.icmp_type,
                                                          .uid = each.uid,
                                                          .name = ledger_.name_of(each.destination),
                                                          .why = nft::text(each.cause)},
                                        now);
    resources_.recorder.record_others(
        resources_.denied.lost() - std::exchange(reported_lost_, resources_.denied.lost()), now);
    return denied.size();
  }

  void send(const Client& client, std::span<const uint8_t> answer) {
    if (client.transport == dns::Transport::udp)
      udp_.send(client, answer);
    else
      tcp_.send(client, answer);
  }

  // ---- the plan's hosts, before the agent asks

  void resolve_plan() {
    plan_deadline_ = steady_clock::now() + resources_.setup.resolve_timeout;
    if (resources_.setup.terms.ipv4 == Reachability::reachable) plan_types_.push_back(dns::RecordType::a);
    if (resources_.setup.terms.ipv6 == Reachability::reachable) plan_types_.push_back(dns::RecordType::aaaa);
    for (policy::PlainHost& host : resources_.policy.plain_hosts())
      plan_.emplace_back(std::move(host.name), plan_types_.size());
    unfinished_ = plan_.size();
    if (plan_.empty()) return send_ready();
    resolve_more();
  }

  // A host may be resolved within resolve(), which then calls this function again.
  void resolve_more() {
    if (std::exchange(resolving_, true)) return;
    while (started_ < plan_.size() && started_ + unfinished_ - plan_.size() < limits::plan_hosts_at_once)
      resolve(started_++);
    resolving_ = false;
  }

  void resolve(size_t index) {
    if (plan_types_.empty()) return on_resolved(plan_[index]);
    const inet::HostName& host = plan_[index].name();
    const policy::Decision decision = resources_.policy.decide(host);
    for (const dns::RecordType type : plan_types_) {
      const dns::Question question{dns::WireName::from(host), type};
      answerer_.resolve(question, decision, [this, index, question](const Resolution& resolution) {
        PlanHost& found = plan_[index];
        found.take(resolution);
        report_resolved(question, resolution);
        if (!found.waits()) on_resolved(found);
      });
    }
  }

  // Reports addresses to the keeper, and denials to the audit.
  void report_resolved(const dns::Question& question, const Resolution& resolution) {
    if (resolution.kind == Resolution::Kind::addresses)
      for (const inet::IpAddress& address : resolution.addresses)
        if (!ready_sent_)
          send_message(
              {.kind = Message::Kind::admitted, .text = address.text(), .reason = question.name.text()});
    if (resolution.denied)
      resources_.recorder.record_folded(audit::DenyName{.name = question.name.text(),
                                                        .type = text(question.type),
                                                        .why = *resolution.denied,
                                                        .detail = {},
                                                        .by = audit::Actor::boot},
                                        steady_clock::now());
  }

  void on_resolved(const PlanHost& host) {
    if (ready_sent_) return;
    if (!host.resolved()) report_unopened(host);
    if (--unfinished_ == 0) return send_ready();
    resolve_more();
  }

  void give_up_plan() {
    for (const PlanHost& host : plan_)
      if (host.waits() && !host.resolved()) report_unopened(host);
    unfinished_ = 0;
    send_ready();
  }

  void report_unopened(const PlanHost& host) {
    send_message(host.unopened({.servers = resources_.setup.upstreams,
                                .types = plan_types_,
                                .timeout = resources_.setup.resolve_timeout}));
  }

  void send_ready() {
    ready_sent_ = true;
    const auto resolved = std::ranges::count_if(plan_, &PlanHost::resolved);
    send_message({.kind = Message::Kind::ready, .number = static_cast<uint32_t>(resolved)});
    ::malloc_trim(0);  // reading the policy and resolving its hosts took memory
  }

  // Writes the audit first: then it holds everything that precedes the message. The send fails only
  // if the keeper has ended; then the channel ends too.
  void send_message(const Message& message) {
    resources_.recorder.write();
    (void)gate::send(resources_.channel.get(), render_message(message));
  }

  Resources& resources_;
  UdpServer udp_;
  TcpServer tcp_;
  Ledger ledger_;
  WildcardBudget wildcards_;
  Answerer answerer_;
  std::vector<PlanHost> plan_;
  std::vector<dns::RecordType> plan_types_;
  size_t started_ = 0;     // hosts of the plan that resolve() was called for
  size_t unfinished_ = 0;  // hosts of the plan that are not resolved yet, started or not
  bool resolving_ = false;
  uint64_t reported_lost_ = 0;    // denials without an event that the audit already counts
  event::Deadline upstream_due_;  // read before the wait: read later, it is later
  bool ready_sent_ = false;
  bool ended_ = false;
  steady_clock::time_point plan_deadline_;
  // Destroyed first: its destructor answers the outstanding questions, for which the callbacks use
  // the other members.
  std::unique_ptr<upstream::InTurn> upstream_;
};

Result<int> confine_and_serve(const UniqueFd& channel, keeper::Inherited inherited) {
  Resources resources = TRY(open_resources(channel, std::move(inherited)));
  TRY(confine::confine_gate(resources.setup.user));
  TRY(send(channel.get(),
           render_message({.kind = Message::Kind::hello, .number = resources.admissions.port()})));
  auto received = TRY(receive_command(channel.get()));
  for (; received && received->command == Command::audit; received = TRY(receive_command(channel.get())))
    resources.recorder.continue_in(std::move(received->descriptor));
  if (!received || received->command != Command::begin) return 0;
  auto status = Gate(resources).serve();
  resources.recorder.write();
  return status;
}

}  // namespace

Result<int> run() {
  set_process_name(program_name);  // an exec of /proc/self/exe has set it to "exe"
  // The audit's pipe may be closed, or its file may be at the size limit. Then events are lost, and
  // the gate continues.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  auto inherited = TRY(keeper::Inherited::receive(
      program_name, {keeper::Inherited::channel, fd_name::udp4, fd_name::udp6, fd_name::tcp4, fd_name::tcp6,
                     fd_name::direct_udp4, fd_name::direct_udp6, fd_name::audit, fd_name::wildcard_count}));
  const UniqueFd channel = inherited.take(keeper::Inherited::channel);
  auto status = confine_and_serve(channel, std::move(inherited));
  if (status) return status;
  const auto exit = static_cast<int>(status.error().exit);
  const Result<> reported = send(channel.get(), render_message({.kind = Message::Kind::failed,
                                                                .exit = status.error().exit,
                                                                .text = status.error().message}));
  return reported ? Result<int>(exit) : status;  // the keeper logs the error, or else main does
}

}  // namespace ostiary::gate
