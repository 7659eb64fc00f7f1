#include "ostiary/gate/gate.h"

#include <optional>
#include <utility>

#include <signal.h>
#include <unistd.h>

#include "audit_service.h"
#include "boot_names.h"
#include "connector.h"
#include "denied_service.h"
#include "dns_service.h"
#include "keeper_link.h"
#include "name_service.h"
#include "ostiary/audit/journal.h"
#include "ostiary/base/process_name.h"
#include "ostiary/base/shared_page.h"
#include "ostiary/confine/confine_helper.h"
#include "ostiary/event/loop.h"
#include "ostiary/keeper/inherited.h"
#include "ostiary/link/gate.h"
#include "ostiary/link/gate_channel.h"
#include "ostiary/upstream/in_turn.h"
#include "relayed_names.h"

namespace ostiary::gate {
namespace {

// Those that the keeper has.
std::vector<UniqueFd> take(keeper::Inherited& inherited, std::initializer_list<std::string_view> names) {
  std::vector<UniqueFd> sockets;
  for (const std::string_view name : names)
    if (UniqueFd socket = inherited.take(name); socket.valid()) sockets.push_back(std::move(socket));
  return sockets;
}

Result<audit::Journal> open_journal(UniqueFd fd, UniqueFd for_relay, audit::FileBound bound) {
  auto journal = fd.valid() ? TRY(audit::Journal::to_fd(std::move(fd), bound)) : audit::Journal::none();
  journal.copy_to(std::move(for_relay));
  return journal;
}

// Opened before the gate confines itself, because a confined gate cannot open most of it.
struct Opened {
  Setup setup;
  DnsSockets dns_sockets;
  audit::Journal journal;
  SharedPage<WildcardCount> wildcard_count;
  UniqueFd relay;  // invalid if there is none
  nft::KernelAdmissions admissions;
  nft::DeniedLog denied_log;
  std::optional<nft::FlowQueue> flow_queue;  // none if no rule asks for a name
  std::unique_ptr<event::Loop> loop;
  std::unique_ptr<upstream::InTurn> upstream;
};

Result<Opened> open(keeper::Inherited inherited) {
  Setup setup = TRY(parse_setup(inherited.setup()));
  auto journal = TRY(open_journal(inherited.take(fd_name::audit), inherited.take(fd_name::audit_for_relay),
                                  setup.audit_bound));
  auto wildcard_count = TRY(SharedPage<WildcardCount>::attach(inherited.take(fd_name::wildcard_count),
                                                              "the gate's wildcard count"));
  auto admissions = TRY(nft::KernelAdmissions::open());
  auto denied_log = TRY(nft::DeniedLog::open(setup.log_group));
  std::optional<nft::FlowQueue> flow_queue;
  if (setup.name_queue) flow_queue = TRY(nft::FlowQueue::open(*setup.name_queue, setup.mark));
  auto loop = TRY(event::Loop::create());
  auto upstream = TRY(upstream::InTurn::create({.servers = setup.upstreams, .mark = setup.mark}, *loop));
  return Opened{.setup = std::move(setup),
                .dns_sockets = {.udp = take(inherited, {fd_name::direct_udp4, fd_name::direct_udp6,
                                                        fd_name::udp4, fd_name::udp6}),
                                .tcp = take(inherited, {fd_name::tcp4, fd_name::tcp6})},
                .journal = std::move(journal),
                .wildcard_count = std::move(wildcard_count),
                .relay = inherited.take(fd_name::relay),
                .admissions = std::move(admissions),
                .denied_log = std::move(denied_log),
                .flow_queue = std::move(flow_queue),
                .loop = std::move(loop),
                .upstream = std::move(upstream)};
}

// Serves until the keeper's end of the channel closes.
Result<> serve(Opened opened, const UniqueFd& channel, Recorder& recorder) {
  event::Loop& loop = *opened.loop;
  const Setup& setup = opened.setup;
  const policy::Policy policy = policy::Policy::compile(setup.rules);
  Ledger ledger(opened.admissions, setup.initial_sets);
  WildcardBudget wildcards(*opened.wildcard_count);
  DeniedService denied(loop, opened.denied_log, ledger, recorder);
  KeeperLink keeper(loop, channel, recorder, ledger, denied);
  const AuditService audit(loop, recorder, [&keeper] { keeper.send({.kind = Message::Kind::full}); });
  DnsService dns(loop, std::move(opened.dns_sockets),
                 {.policy = policy,
                  .upstream = *opened.upstream,
                  .ledger = ledger,
                  .recorder = recorder,
                  .wildcards = wildcards,
                  .clock = [&loop] { return loop.now(); }},
                 setup.terms);
  if (opened.flow_queue && setup.tracking == nft::Tracking::ipv4_only)
    opened.flow_queue->use_sets_for_ipv6(opened.admissions.socket());
  std::optional<NameService> names;
  if (opened.flow_queue)
    names.emplace(
        loop, *opened.flow_queue,
        NameCheck::Dependencies{.judge = *opened.flow_queue, .rules = {policy, ledger}, .recorder = recorder},
        setup.encrypted_hello);
  RelayedNames relayed(setup, *opened.upstream, wildcards, loop);
  Connector connector({.loop = loop, .setup = setup, .names = relayed, .relay = opened.relay});
  BootNames boot_names({.loop = loop,
                        .setup = setup,
                        .sources = {{.policy = policy, .answerer = dns.answerer()},
                                    {.policy = relayed.policy(),
                                     .answerer = relayed.answerer(),
                                     .whom = BootNames::Source::For::relay}},
                        .recorder = recorder},
                       [&keeper](const Message& message) { keeper.send(message); });
  // Its destructor answers the outstanding questions, for which it uses the services.
  const auto ends_first = std::move(opened.upstream);

  TRY(keeper.start());
  keeper.send({.kind = Message::Kind::hello, .number = opened.admissions.port()});
  TRY(loop.run());
  if (!keeper.has_begun()) return {};
  TRY(denied.start(setup.initial_sets));
  TRY(dns.start());
  if (names) TRY(names->start());
  TRY(connector.start());
  boot_names.start();
  TRY(loop.run());
  TRY(denied.end());
  recorder.flush();
  return {};
}

Result<> confine_and_serve(const UniqueFd& channel, keeper::Inherited inherited) {
  Opened opened = TRY(open(std::move(inherited)));
  TRY(confine::confine_helper(description.profile, description.user));
  Recorder recorder(std::move(opened.journal));
  auto status = serve(std::move(opened), channel, recorder);
  recorder.write();
  return status;
}

}  // namespace

Result<int> run() {
  set_process_name(description.process_name);  // an exec of /proc/self/exe has set it to "exe"
  // The audit's pipe may be closed, or its file may be at the size limit. Then events are lost, and
  // the gate continues.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  auto inherited = TRY(keeper::Inherited::receive(
      description.process_name, {keeper::Inherited::channel, fd_name::udp4, fd_name::udp6, fd_name::tcp4,
                                 fd_name::tcp6, fd_name::direct_udp4, fd_name::direct_udp6, fd_name::audit,
                                 fd_name::audit_for_relay, fd_name::wildcard_count, fd_name::relay}));
  const UniqueFd channel = inherited.take(keeper::Inherited::channel);
  auto status = confine_and_serve(channel, std::move(inherited));
  if (status) return 0;
  const auto exit = static_cast<int>(status.error().exit);
  const Result<> reported = keeper::send_to_keeper(
      channel.get(),
      render_message(
          {.kind = Message::Kind::failed, .exit = status.error().exit, .text = status.error().message}));
  if (!reported) return std::unexpected(std::move(status).error());  // main logs it
  return exit;                                                       // the keeper logs it
}

}  // namespace ostiary::gate
