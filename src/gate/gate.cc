#include "ostiary/gate/gate.h"

#include <optional>
#include <utility>

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "ostiary/audit/journal.h"
#include "ostiary/base/process_name.h"
#include "ostiary/base/read_file.h"
#include "ostiary/base/shared_page.h"
#include "ostiary/confine/confine_gate.h"
#include "ostiary/event/epoll.h"
#include "ostiary/gate/answerer.h"
#include "ostiary/gate/ledger.h"
#include "ostiary/gate/recorder.h"
#include "ostiary/nft/denied_log.h"
#include "ostiary/upstream/in_turn.h"
#include "plan_host.h"
#include "tcp_server.h"
#include "udp_server.h"

namespace ostiary::gate {
namespace {

using std::chrono::steady_clock;

constexpr size_t max_setup = 64U << 20U;

// What a descriptor of the loop is, in the upper half of its token; its number is in the lower.
enum class Source : uint32_t { channel, upstream, denied, udp, tcp_listener, tcp_connection };

constexpr uint64_t token(Source source, uint32_t number = 0) {
  return (uint64_t{static_cast<uint32_t>(source)} << 32U) | number;
}

// A descriptor we were born with; invalid where there is none.
UniqueFd inherit(int fd) {
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return UniqueFd{};
  return UniqueFd(fd);
}

std::vector<UniqueFd> inherit(std::initializer_list<int> numbers) {
  std::vector<UniqueFd> sockets;
  for (const int fd : numbers)
    if (UniqueFd socket = inherit(fd); socket.valid()) sockets.push_back(std::move(socket));
  return sockets;
}

Result<audit::Journal> open_journal(UniqueFd fd, audit::FileBound bound) {
  if (!fd.valid()) return audit::Journal::none();
  return audit::Journal::to_fd(std::move(fd), bound);
}

Result<Setup> read_setup() {
  const UniqueFd file = inherit(inherited::setup);
  if (!file.valid())
    return fail(Exit::usage, "ostiary-gate is not to be started by hand: see ostiary --help");
  return parse_setup(TRY(read_file("/proc/self/fd/" + std::to_string(inherited::setup), max_setup)));
}

// What it was born with. Taken before anything is opened, since what is opened may get the number of one that
// is not there.
struct InheritedFds {
  std::vector<UniqueFd> udp =
      inherit({inherited::direct_udp4, inherited::direct_udp6, inherited::udp4, inherited::udp6});
  std::vector<UniqueFd> tcp = inherit({inherited::tcp4, inherited::tcp6});
  UniqueFd audit = inherit(inherited::audit);
  UniqueFd wildcard_count = inherit(inherited::wildcard_count);
};

// Everything that needs more than the gate keeps, opened before it is confined.
struct Parts {
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

Result<Parts> open_parts(const UniqueFd& channel) {
  InheritedFds inherited_fds;
  Setup setup = TRY(read_setup());
  auto journal = TRY(open_journal(std::move(inherited_fds.audit), setup.audit_bound));
  auto wildcard_count = TRY(SharedPage<WildcardCount>::attach(std::move(inherited_fds.wildcard_count),
                                                              "the gate's wildcard count"));
  policy::Policy policy = policy::Policy::compile(setup.rules);
  auto admissions = TRY(nft::KernelAdmissions::open());
  auto denied = TRY(nft::DeniedLog::open(setup.log_group));
  auto epoll = std::make_unique<event::Epoll>(TRY(event::Epoll::create()));
  auto resolver = TRY(upstream::InTurn::create({.servers = setup.upstreams, .mark = setup.mark},
                                               {.epoll = *epoll, .token = token(Source::upstream)}));
  return Parts{.setup = std::move(setup),
               .channel = channel,
               .udp = std::move(inherited_fds.udp),
               .tcp = std::move(inherited_fds.tcp),
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
  explicit Gate(Parts& parts)
      : parts_(parts),
        udp_(std::move(parts.udp)),
        tcp_(std::move(parts.tcp), *parts.epoll, token(Source::tcp_connection)),
        ledger_(parts.admissions, parts.setup.initial_sets),
        wildcards_(*parts.wildcard_count),
        answerer_({parts.policy, *parts.upstream, ledger_, parts.recorder, wildcards_}, parts.setup.terms,
                  [this](const Client& client, std::span<const uint8_t> answer) { send(client, answer); }),
        upstream_(std::move(parts.upstream)) {}

  Result<int> serve() {
    TRY(watch());
    if (parts_.setup.initial_sets == InitialSets::empty)
      parts_.recorder.set_actor(audit::Actor::self_test);
    else
      TRY(parts_.denied.gather());
    resolve_plan();
    while (!ended_) {
      upstream_due_ = upstream_->deadline();
      const auto ready = TRY(parts_.epoll->wait(deadline()));
      const auto now = steady_clock::now();
      for (const epoll_event& event : ready) TRY(on_event(event, now));
      on_time(now);
      udp_.flush();
      upstream_->tidy();
      parts_.recorder.write();
      if (parts_.recorder.asks_for_file(now)) tell({.kind = Message::Kind::full});
    }
    TRY(parts_.denied.end());
    TRY(read_all_denied(steady_clock::now()));
    parts_.recorder.flush();
    return 0;
  }

 private:
  Result<> watch() {
    event::Epoll& epoll = *parts_.epoll;
    TRY(epoll.add(parts_.channel.get(), EPOLLIN, token(Source::channel)));
    TRY(epoll.add(parts_.denied.fd(), EPOLLIN, token(Source::denied)));
    for (uint32_t i = 0; i < udp_.sockets().size(); ++i)
      TRY(epoll.add(udp_.sockets()[i].get(), EPOLLIN, token(Source::udp, i)));
    for (uint32_t i = 0; i < tcp_.listeners().size(); ++i)
      TRY(epoll.add(tcp_.listeners()[i].get(), EPOLLIN, token(Source::tcp_listener, i)));
    return {};
  }

  event::Deadline deadline() const {
    event::Deadline first = event::earlier(upstream_due_, tcp_.deadline());
    first = event::earlier(first, parts_.recorder.due());
    return outstanding_ > 0 ? event::earlier(first, plan_deadline_) : first;
  }

  Result<> on_event(const epoll_event& event, steady_clock::time_point now) {
    const auto number = static_cast<uint32_t>(event.data.u64);
    const UdpServer::Handler handler = [&](std::span<const uint8_t> message, const Client& client) {
      answerer_.take(message, client, now);
    };
    switch (static_cast<Source>(event.data.u64 >> 32U)) {
      case Source::channel:
        return on_word(now);
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
    if (const auto due = parts_.recorder.due(); due && *due <= now) parts_.recorder.flush();
    tcp_.close_overdue(now);
    if (outstanding_ > 0 && plan_deadline_ <= now) give_up_plan();
  }

  Result<> on_word(steady_clock::time_point now) {
    auto heard = TRY(receive_command(parts_.channel.get()));
    if (!heard)
      ended_ = true;
    else if (heard->command == Command::restore)
      TRY(ledger_.restore(now));
    else if (heard->command == Command::tested)
      TRY(on_tested(now));
    else if (heard->command == Command::audit && heard->descriptor.valid())
      parts_.recorder.continue_in(std::move(heard->descriptor));
    return {};
  }

  // The keeper goes on after this: until now all denials were the self-test's.
  Result<> on_tested(steady_clock::time_point now) {
    TRY(read_all_denied(now));
    parts_.recorder.set_actor(audit::Actor::agent);
    TRY(parts_.denied.gather());
    tell({.kind = Message::Kind::tested});
    return {};
  }

  Result<> read_all_denied(steady_clock::time_point now) {
    while (TRY(on_denied(now)) > 0) {
    }
    return {};
  }

  // How many there were.
  Result<size_t> on_denied(steady_clock::time_point now) {
    const auto denied = TRY(parts_.denied.read());
    for (const nft::Denied& each : denied)
      parts_.recorder.record_folded(audit::DenyPacket{.address = each.destination,
                                                      .port = each.port,
                                                      .protocol = each.protocol,
                                                      .icmp_type = each.icmp_type,
                                                      .uid = each.uid,
                                                      .name = ledger_.name_of(each.destination),
                                                      .why = nft::text(each.cause)},
                                    now);
    parts_.recorder.record_others(parts_.denied.lost() - std::exchange(denied_lost_, parts_.denied.lost()),
                                  now);
    return denied.size();
  }

  void send(const Client& client, std::span<const uint8_t> answer) {
    if (client.transport == dns::Transport::udp)
      udp_.send(client, answer);
    else
      tcp_.send(client, answer);
  }

  // ---- the plan's hosts, before anybody asks

  void resolve_plan() {
    plan_deadline_ = steady_clock::now() + parts_.setup.resolve_timeout;
    if (parts_.setup.terms.ipv4 == Reachability::reachable) plan_types_.push_back(dns::RecordType::a);
    if (parts_.setup.terms.ipv6 == Reachability::reachable) plan_types_.push_back(dns::RecordType::aaaa);
    for (policy::PlainHost& host : parts_.policy.plain_hosts())
      plan_.emplace_back(std::move(host.name), plan_types_.size());
    outstanding_ = plan_.size();
    if (plan_.empty()) return send_ready();
    ask_plan();
  }

  // An answer may come within the question, and so bring us here again.
  void ask_plan() {
    if (std::exchange(asking_plan_, true)) return;
    while (asked_ < plan_.size() && asked_ + outstanding_ - plan_.size() < limits::plan_hosts_at_once)
      resolve(asked_++);
    asking_plan_ = false;
  }

  void resolve(size_t index) {
    if (plan_types_.empty()) return on_resolved(plan_[index]);
    const inet::HostName& host = plan_[index].name();
    const policy::Decision decision = parts_.policy.decide(host);
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

  // Addresses to the keeper, denials to the audit.
  void report_resolved(const dns::Question& question, const Resolution& resolution) {
    if (resolution.kind == Resolution::Kind::addresses)
      for (const inet::IpAddress& address : resolution.addresses)
        if (!told_ready_)
          tell({.kind = Message::Kind::admitted, .text = address.text(), .reason = question.name.text()});
    if (resolution.denied)
      parts_.recorder.record_folded(audit::DenyName{.name = question.name.text(),
                                                    .type = text(question.type),
                                                    .why = *resolution.denied,
                                                    .detail = {},
                                                    .by = audit::Actor::boot},
                                    steady_clock::now());
  }

  void on_resolved(const PlanHost& host) {
    if (told_ready_) return;
    if (!host.resolved()) report_unopened(host);
    if (--outstanding_ == 0) return send_ready();
    ask_plan();
  }

  void give_up_plan() {
    for (const PlanHost& host : plan_)
      if (host.waits() && !host.resolved()) report_unopened(host);
    outstanding_ = 0;
    send_ready();
  }

  void report_unopened(const PlanHost& host) {
    tell(host.unopened(
        {.servers = parts_.setup.upstreams, .types = plan_types_, .timeout = parts_.setup.resolve_timeout}));
  }

  void send_ready() {
    told_ready_ = true;
    const auto resolved = std::ranges::count_if(plan_, &PlanHost::resolved);
    tell({.kind = Message::Kind::ready, .number = static_cast<uint32_t>(resolved)});
    ::malloc_trim(0);  // what it took to read a policy and to resolve its hosts
  }

  // What the keeper hears of is in the audit before. A keeper that does not listen is gone, and its end of
  // the channel says so.
  void tell(const Message& message) {
    parts_.recorder.write();
    (void)gate::send(parts_.channel.get(), render_message(message));
  }

  Parts& parts_;
  UdpServer udp_;
  TcpServer tcp_;
  Ledger ledger_;
  WildcardBudget wildcards_;
  Answerer answerer_;
  std::vector<PlanHost> plan_;
  std::vector<dns::RecordType> plan_types_;
  size_t asked_ = 0;        // of the plan
  size_t outstanding_ = 0;  // of the plan: not asked yet, or not answered
  bool asking_plan_ = false;
  uint64_t denied_lost_ = 0;      // denials that the kernel could not report, as far as they are told
  event::Deadline upstream_due_;  // as it was before the wait: asked again it would only be later
  bool told_ready_ = false;
  bool ended_ = false;
  steady_clock::time_point plan_deadline_;
  // Ends before all else, since it then answers whatever it was asked.
  std::unique_ptr<upstream::InTurn> upstream_;
};

Result<int> confine_and_serve(const UniqueFd& channel) {
  Parts parts = TRY(open_parts(channel));
  TRY(confine::confine_gate(parts.setup.user));
  TRY(send(channel.get(), render_message({.kind = Message::Kind::hello, .number = parts.admissions.port()})));
  auto heard = TRY(receive_command(channel.get()));
  for (; heard && heard->command == Command::audit; heard = TRY(receive_command(channel.get())))
    parts.recorder.continue_in(std::move(heard->descriptor));
  if (!heard || heard->command != Command::begin) return 0;
  auto status = Gate(parts).serve();
  parts.recorder.write();
  return status;
}

}  // namespace

Result<int> run() {
  set_process_name(program_name);  // executed from /proc/self/exe, it would be "exe"
  // The audit's pipe may be closed, its file as large as a file may be: then events are lost, and no more.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  const UniqueFd channel = inherit(inherited::channel);
  auto status = confine_and_serve(channel);
  if (status) return status;
  const auto exit = static_cast<int>(status.error().exit);
  const Result<> told = send(channel.get(), render_message({.kind = Message::Kind::failed,
                                                            .number = static_cast<uint32_t>(exit),
                                                            .text = status.error().message}));
  return told ? Result<int>(exit) : status;  // the keeper says it, or else main does
}

}  // namespace ostiary::gate
