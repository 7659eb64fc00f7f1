#include "relay/probe.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ostiary/base/c_handle.h"
#include "ostiary/base/process_name.h"
#include "ostiary/base/text.h"
#include "ostiary/confine/confine.h"
#include "ostiary/link/probe.h"
#include "ostiary/otlp/identity.h"
#include "ostiary/otlp/write.h"
#include "relay/open_conversation.h"
#include "relay/probe_advice.h"
#include "relay/trust.h"
#include "version.h"

namespace ostiary::relay {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using telemetry::Protocol;
using telemetry::Signal;

constexpr auto time_of_an_attempt = 10s;
// Of one that only finds out what the server speaks.
constexpr auto time_of_a_guess = 3s;
constexpr size_t max_setup = size_t{1} << 20U;

// ---- the batches

uint64_t nanoseconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::nanoseconds(now).count());
}

Result<std::string> random_octets(size_t count) {
  std::string octets(count, '\0');
  if (::getrandom(octets.data(), count, 0) != static_cast<ssize_t>(count))
    return std::unexpected(Error::system("getrandom", Exit::unavailable));
  return octets;
}

// A span, a counter or an event with the name ostiary.check.
Result<std::string> batch_of(Signal signal, telemetry::Temporality temporality) {
  constexpr size_t trace_octets = 16;
  constexpr size_t span_octets = 8;
  const std::string name = "ostiary.check";
  const otlp::Scope scope{.name = name, .version = std::string(program_version)};
  const uint64_t now = nanoseconds_now();
  switch (signal) {
    case Signal::traces:
      return otlp::traces_request(scope, std::array{otlp::Span{.name = name,
                                                               .trace = TRY(random_octets(trace_octets)),
                                                               .span = TRY(random_octets(span_octets)),
                                                               .start = now,
                                                               .end = now + 1}});
    case Signal::metrics:
      // As Claude Code sends them.
      return otlp::metrics_request(
          scope,
          std::array{otlp::Metric{.name = name,
                                  .description = "A check of ostiary telemetry",
                                  .unit = "1",
                                  .kind = otlp::Metric::Kind::sum,
                                  .points = {{.value = 1}}}},
          {.start = now - 1,
           .end = now,
           .temporality = temporality == telemetry::Temporality::cumulative ? otlp::Temporality::cumulative
                                                                            : otlp::Temporality::delta});
    case Signal::logs:
      break;
  }
  return otlp::logs_request(
      scope,
      std::array{otlp::LogRecord{
          .time = now, .observed_time = now, .event_name = name, .body = "A check of ostiary telemetry"}});
}

// ---- one attempt

using Addresses = std::unique_ptr<addrinfo, CDelete<freeaddrinfo>>;

class Deadline {
 public:
  explicit Deadline(steady_clock::duration time) : end_(steady_clock::now() + time) {}

  int left() const {
    const auto left = std::chrono::ceil<milliseconds>(end_ - steady_clock::now());
    return static_cast<int>(std::max(left, milliseconds(0)).count());
  }

 private:
  steady_clock::time_point end_;
};

// Whether the descriptor is ready in time.
bool wait_for(int fd, uint32_t events, const Deadline& deadline) {
  pollfd waited{.fd = fd, .events = static_cast<short>(events), .revents = 0};
  int ready = 0;
  do ready = ::poll(&waited, 1, deadline.left());
  while (ready < 0 && errno == EINTR);
  return ready > 0;
}

std::unexpected<Fault> fault(Fault::Kind kind, std::string why) {
  return std::unexpected(Fault{.kind = kind, .why = std::move(why)});
}

std::expected<Addresses, Fault> resolve(const inet::Destination& destination) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(inet::text(destination.host).c_str(),
                                  std::to_string(destination.port).c_str(), &wanted, &found);
  if (error != 0) return fault(Fault::Kind::name, ::gai_strerror(error));
  return Addresses(found);
}

// The error of the system, or 0.
int connect(const UniqueFd& socket, const addrinfo& address, const Deadline& deadline) {
  if (!socket.valid()) return errno;
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  if (!wait_for(socket.get(), POLLOUT, deadline)) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

std::expected<UniqueFd, Fault> connect(const inet::Destination& destination, const Deadline& deadline) {
  const auto addresses = resolve(destination);
  if (!addresses) return std::unexpected(addresses.error());
  int error = 0;
  for (const addrinfo* each = addresses->get(); each != nullptr; each = each->ai_next) {
    UniqueFd socket{::socket(each->ai_family, each->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    error = connect(socket, *each, deadline);
    if (error == 0) return socket;
  }
  return fault(error == ECONNREFUSED ? Fault::Kind::refused : Fault::Kind::unreachable, std::strerror(error));
}

Result<Answer> exchange(const Collector& collector, const TlsTrust* trust, UniqueFd socket, const Post& post,
                        const Deadline& deadline) {
  const auto conversation = TRY(open_conversation(collector, trust, std::move(socket)));
  TRY(conversation->send(post));
  while (true) {
    Conversation::Progress progress = TRY(conversation->advance());
    if (progress.answer) return *std::move(progress.answer);
    if (deadline.left() == 0 || !wait_for(conversation->fd(), progress.awaits, deadline))
      return fail(Exit::unavailable, "the server did not answer within ten seconds");
  }
}

Attempt attempt(const Collector& collector, const TlsTrust* trust, const Post& post,
                const Deadline& deadline) {
  auto socket = connect(collector.destination, deadline);
  if (!socket) return std::unexpected(socket.error());
  auto answer = exchange(collector, trust, *std::move(socket), post, deadline);
  if (answer) return *std::move(answer);
  return std::unexpected(fault_of_exchange(answer.error().message));
}

// ---- the whole

struct Opened {
  Setup setup;
  Credentials credentials;
  std::optional<TlsTrust> trust;  // nothing if its files cannot be read
  std::string no_trust = {};      // why
};

Result<std::string> read_setup() {
  std::string octets(max_setup, '\0');
  const ssize_t size = ::read(probe_setup_fd, octets.data(), octets.size());
  if (size <= 0) return fail(Exit::usage, "ostiary telemetry check starts this program: write that command");
  octets.resize(static_cast<size_t>(size));
  return octets;
}

Result<Opened> open() {
  Opened opened{.setup = TRY(parse_setup(TRY(read_setup()))),
                .credentials = TRY(read_credentials(UniqueFd(probe_credentials_fd))),
                .trust = {}};
  auto trust = read_trust(opened.setup.tls_files);
  if (trust)
    opened.trust = *std::move(trust);
  else
    opened.no_trust = trust.error().message;
  return opened;
}

// What else the server may speak, if it does not speak what it is configured to.
std::vector<Collector> others(const Collector& configured) {
  std::vector<Collector> found;
  const auto copy = [&] {
    return Collector{.destination = configured.destination,
                     .protocol = configured.protocol,
                     .is_tls = configured.is_tls,
                     .authority = configured.authority,
                     .paths = configured.paths,
                     .header_lines = {}};
  };
  found.push_back(copy());
  const bool is_grpc = configured.protocol == Protocol::grpc;
  found.back().protocol = is_grpc ? Protocol::http_protobuf : Protocol::grpc;
  if (is_grpc)
    for (auto& [signal, path] : found.back().paths) path = "/v1/" + std::string(text(signal));
  found.push_back(copy());
  found.back().is_tls = !configured.is_tls;
  found.push_back(copy());
  found.back().protocol = found.front().protocol;
  found.back().paths = found.front().paths;
  found.back().is_tls = !configured.is_tls;
  return found;
}

// The protocol that the server does speak. Nothing if that is not known.
std::optional<Spoken> find_spoken(const Collector& configured, const TlsTrust* trust, const Post& post) {
  for (const Collector& other : others(configured)) {
    if (other.is_tls && trust == nullptr) continue;
    if (speaks(attempt(other, trust, post, Deadline(time_of_a_guess))))
      return Spoken{.protocol = other.protocol, .is_tls = other.is_tls};
  }
  return std::nullopt;
}

// What became of a batch.
struct Sent {
  Attempt made;
  std::optional<Spoken> spoken = {};
};

Sent send(const Opened& opened, const Collector& collector, const Post& post, const Deadline& deadline) {
  const TlsTrust* const trust = opened.trust ? &*opened.trust : nullptr;
  if (collector.is_tls && trust == nullptr) return {fault(Fault::Kind::authorities, opened.no_trust)};
  Sent sent{attempt(collector, trust, post, deadline)};
  if (is_of_another_protocol(sent.made)) sent.spoken = find_spoken(collector, trust, post);
  return sent;
}

// A server that does not answer in time is asked once, not for each signal.
struct Unanswered {
  inet::Destination destination;
  Sent sent;
};

// Whether the batch was taken.
Result<bool> check(const Opened& opened, const Collector& collector, std::optional<Unanswered>& unanswered) {
  const Signal signal = collector.paths.begin()->first;
  std::vector<otlp::Attribute> attributes;
  for (const NamedValue& each : opened.setup.attributes) attributes.push_back({each.name, each.value});
  const auto body = otlp::Identity(attributes).applied_to(TRY(batch_of(signal, opened.setup.temporality)));
  const Post post{.signal = signal, .body = body.value_or("")};
  const bool is_known = unanswered && unanswered->destination == collector.destination;
  const Deadline deadline(time_of_an_attempt);
  const Sent sent = is_known ? unanswered->sent : send(opened, collector, post, deadline);
  if (!sent.made && deadline.left() == 0) unanswered = {collector.destination, sent};
  const Finding finding = explain(collector, sent.made, sent.spoken);
  std::string line;
  append(line, {text(signal), ": ", finding.text, "\n"});
  if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size() || std::fflush(stdout) != 0)
    return std::unexpected(Error::system("cannot write to standard output", Exit::unavailable));
  return finding.is_taken;
}

}  // namespace

Result<int> probe_main() {
  set_process_name("ostiary-probe");
  ::signal(SIGPIPE, SIG_IGN);
  TRY(confine::hide_memory());
  Opened opened = TRY(open());
  if (opened.credentials.size() != opened.setup.collectors.size())
    return fail(Exit::unavailable, "the probe's credentials are of other collectors");
  bool all_taken = true;
  std::optional<Unanswered> unanswered;
  for (size_t i = 0; i < opened.setup.collectors.size(); ++i)
    all_taken &= TRY(check(opened, collector_of(opened.setup.collectors[i], std::move(opened.credentials[i])),
                           unanswered));
  return all_taken ? 0 : static_cast<int>(Exit::unavailable);
}

}  // namespace ostiary::relay
