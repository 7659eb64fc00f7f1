#include "relay/relay.h"

#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ostiary/base/child.h"
#include "ostiary/base/process_name.h"
#include "ostiary/confine/confine_helper.h"
#include "ostiary/event/loop.h"
#include "ostiary/keeper/channel.h"
#include "ostiary/keeper/inherited.h"
#include "ostiary/keeper/recent.h"
#include "ostiary/link/relay.h"
#include "relay/service.h"
#include "relay/trust.h"

namespace ostiary::relay {
namespace {

void send_to_keeper(const UniqueFd& channel, const Message& message) {
  // Fails only if the keeper has ended, which ends this process.
  (void)keeper::send_to_keeper(channel.get(), render_message(message));
}

void report(const UniqueFd& channel, const Error& error) {
  send_to_keeper(channel, {.kind = Message::Kind::failed, .exit = error.exit, .text = error.message});
}

bool is_tls(const auto& server) {
  return server.server.scheme == inet::Scheme::https;
}

// One for each set of files: the authorities take milliseconds to read, and megabytes.
class Trusts {
 public:
  // Valid as long as this object.
  Result<const TlsTrust*> find(const telemetry::TlsFiles& files) {
    for (const auto& [known, trust] : trusts_)
      if (known == files) return trust.get();
    trusts_.emplace_back(files, std::make_unique<TlsTrust>(TRY(read_trust(files))));
    return trusts_.back().second.get();
  }

 private:
  std::vector<std::pair<telemetry::TlsFiles, std::unique_ptr<TlsTrust>>> trusts_;
};

// Everything that a process which serves has from its parent.
struct Opened {
  UniqueFd channel;
  Setup setup;
  Credentials credentials;
  Trusts trusts;
  const TlsTrust* trust = nullptr;              // in the collectors
  std::vector<const TlsTrust*> forwards_trust;  // in each forward's server; nullptr: it has no TLS
  UniqueFd listener;
  UniqueFd gate;
  UniqueFd audit;
  std::vector<UniqueFd> spools;  // of the collectors
  std::vector<UniqueFd> forwards;
};

Result<Opened> open(keeper::Inherited inherited, UniqueFd channel) {
  Opened opened{.channel = std::move(channel),
                .setup = TRY(parse_setup(inherited.setup())),
                .credentials = TRY(read_credentials(inherited.take(fd_name::credentials))),
                .trusts = {},
                .forwards_trust = {},
                .listener = inherited.take(fd_name::listener),
                .gate = inherited.take(fd_name::gate),
                .audit = inherited.take(fd_name::audit),
                .spools = {},
                .forwards = {}};
  for (const std::string_view name : fd_name::spools)
    if (UniqueFd spool = inherited.take(name); spool.valid()) opened.spools.push_back(std::move(spool));
  for (const std::string_view name : fd_name::forwards)
    if (UniqueFd forward = inherited.take(name); forward.valid())
      opened.forwards.push_back(std::move(forward));
  const size_t collectors = opened.setup.collectors.size();
  const size_t forwards = opened.setup.forwards.size();
  if (opened.credentials.size() != collectors + forwards || opened.spools.size() != collectors ||
      opened.forwards.size() != forwards)
    return fail(Exit::unavailable, "the relay's credentials, spools or listeners are of other servers");
  ::tzset();  // the check of a certificate's time reads a file otherwise
  if (std::ranges::any_of(opened.setup.collectors, is_tls<CollectorSetup>))
    opened.trust = TRY(opened.trusts.find(opened.setup.tls_files));
  for (const ForwardSetup& each : opened.setup.forwards)
    opened.forwards_trust.push_back(is_tls(each) ? TRY(opened.trusts.find(each.tls_files)) : nullptr);
  return opened;
}

// ---- the process that serves

Result<uint32_t> random_number() {
  uint32_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number)
    return std::unexpected(Error::system("getrandom", Exit::unavailable));
  return number;
}

Result<> serve(Opened opened, pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent)
    return fail(Exit::unavailable, "the relay has ended");
  auto loop = TRY(event::Loop::create());
  TRY(confine::narrow_to_serve());
  std::mt19937 random(TRY(random_number()));
  const std::unique_ptr<Service> service = TRY(
      Service::create({.loop = *loop,
                       .setup = opened.setup,
                       .trust = opened.trust,
                       .forwards_trust = opened.forwards_trust,
                       .random = [&random] { return std::uniform_real_distribution<double>(0, 1)(random); },
                       .send = [&](const Message& message) { send_to_keeper(opened.channel, message); }},
                      {.credentials = std::move(opened.credentials),
                       .listener = std::move(opened.listener),
                       .gate = std::move(opened.gate),
                       .audit = std::move(opened.audit),
                       .spools = std::move(opened.spools),
                       .forwards = std::move(opened.forwards),
                       .first_connection = TRY(random_number())}));
  const auto keeper =
      TRY(event::Watch::create(*loop, opened.channel.get(), EPOLLIN, [&](uint32_t) -> Result<> {
        const auto octets = TRY(keeper::receive(opened.channel.get()));
        if (!octets) loop->stop();
        if (const auto drain = octets ? parse_drain(*octets) : std::nullopt) service->drain(*drain);
        return {};
      }));
  TRY(service->start());
  return loop->run();
}

// ---- its parent

// Ends with 0 when the keeper has closed the channel.
int serve_in_child(Opened opened, pid_t parent) {
  const int channel = ::fcntl(opened.channel.get(), F_DUPFD_CLOEXEC, 0);
  const Result<> served = serve(std::move(opened), parent);
  if (!served) report(UniqueFd(channel), served.error());
  return served ? 0 : static_cast<int>(served.error().exit);
}

Result<int> keep_serving(Opened opened) {
  keeper::RecentEvents deaths(description.max_deaths);
  while (true) {
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) return std::unexpected(Error::system("fork", Exit::unavailable));
    if (child == 0) ::_exit(serve_in_child(std::move(opened), parent));
    const int status = wait_for_end(child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    send_to_keeper(opened.channel, {.kind = Message::Kind::served,
                                    .number = static_cast<uint32_t>(child),
                                    .status = static_cast<uint32_t>(status)});
    deaths.note(std::chrono::steady_clock::now());
    if (deaths.too_many())
      return fail(Exit::unavailable,
                  "the relay's service ended " + std::to_string(deaths.count()) + " times within a minute");
    std::this_thread::sleep_for(keeper::pause_before_restart(deaths.count()));
  }
}

Result<int> confine_and_serve(Opened opened) {
  TRY(confine::confine_helper(description.profile, description.user));
  send_to_keeper(opened.channel, {.kind = Message::Kind::hello});
  return keep_serving(std::move(opened));
}

// Enough for posts that are sent together. Otherwise the kernel would clear the same pages again for each of them.
void keep_freed_memory() {
  constexpr int octets = 2 << 20;
  ::mallopt(M_MMAP_THRESHOLD, octets);
  ::mallopt(M_TRIM_THRESHOLD, octets);
}

}  // namespace

Result<int> run() {
  set_process_name(description.process_name);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  keep_freed_memory();
  std::vector<std::string_view> names{keeper::Inherited::channel, fd_name::credentials, fd_name::listener,
                                      fd_name::gate, fd_name::audit};
  names.insert(names.end(), fd_name::spools.begin(), fd_name::spools.end());
  names.insert(names.end(), fd_name::forwards.begin(), fd_name::forwards.end());
  auto inherited = TRY(keeper::Inherited::receive(description.process_name, names));
  // A copy for the report of a failure.
  UniqueFd channel = inherited.take(keeper::Inherited::channel);
  const UniqueFd for_failures(::fcntl(channel.get(), F_DUPFD_CLOEXEC, 0));
  auto opened = open(std::move(inherited), std::move(channel));
  auto status = opened ? confine_and_serve(*std::move(opened)) : std::unexpected(opened.error());
  if (status) return *status;
  report(for_failures, status.error());
  return static_cast<int>(status.error().exit);
}

}  // namespace ostiary::relay
