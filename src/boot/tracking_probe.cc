#include "ostiary/boot/tracking_probe.h"

#include <array>
#include <chrono>
#include <cstring>

#include <netinet/in.h>
#include <poll.h>
#include <sys/fsuid.h>
#include <sys/random.h>
#include <sys/socket.h>

namespace ostiary::boot {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A refusal is told at once, and a datagram over loopback arrives at once: this is for a machine that stands
// still.
constexpr milliseconds patience{500};
constexpr uint16_t dns_port = 53;

using Word = std::array<uint8_t, 16>;

enum class Finding : uint8_t { refused, redirected };

// The rules may ask who made the socket.
UniqueFd make_socket(int family, const confine::Identity& agent) {
  const int before = ::setfsuid(agent.uid);
  UniqueFd fd{::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  ::setfsuid(static_cast<uid_t>(before));
  return fd;
}

// Whether a datagram could be sent to port 53 of that family's loopback address.
bool send_question(const UniqueFd& fd, int family, const Word& word) {
  sockaddr_in v4{.sin_family = AF_INET,
                 .sin_port = htons(dns_port),
                 .sin_addr = {htonl(INADDR_LOOPBACK)},
                 .sin_zero = {}};
  sockaddr_in6 v6{.sin6_family = AF_INET6,
                  .sin6_port = htons(dns_port),
                  .sin6_flowinfo = 0,
                  .sin6_addr = IN6ADDR_LOOPBACK_INIT,
                  .sin6_scope_id = 0};
  const bool ipv4 = family == AF_INET;
  const auto* target = ipv4 ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
  return ::sendto(fd.get(), word.data(), word.size(), 0, target, ipv4 ? sizeof v4 : sizeof v6) ==
         static_cast<ssize_t>(word.size());
}

// Somebody else's question that comes meanwhile is lost, and asked again.
Result<Finding> await(const UniqueFd& listener, const Word& word) {
  const auto deadline = steady_clock::now() + patience;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    pollfd waiting{.fd = listener.get(), .events = POLLIN, .revents = 0};
    if (left <= milliseconds(0)) return Finding::refused;
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return std::unexpected(Error::system("poll", Exit::unavailable));
    std::array<uint8_t, 64> room{};
    const ssize_t got = ::recv(listener.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (got == static_cast<ssize_t>(word.size()) && std::memcmp(room.data(), word.data(), word.size()) == 0)
      return Finding::redirected;
  }
}

Result<Finding> ask(int family, const UniqueFd& listener, const confine::Identity& agent) {
  Word word{};
  if (::getrandom(word.data(), word.size(), 0) != static_cast<ssize_t>(word.size()))
    return std::unexpected(Error::system("getrandom", Exit::unavailable));
  const UniqueFd fd = make_socket(family, agent);
  if (!fd.valid()) return std::unexpected(Error::system("socket", Exit::unavailable));
  if (!send_question(fd, family, word)) return Finding::refused;
  return await(listener, word);
}

}  // namespace

Result<nft::Tracking> probe_tracking(const gate::Listeners& listeners, const confine::Identity& agent) {
  if (TRY(ask(AF_INET, listeners.udp4, agent)) == Finding::refused)
    return fail(
        Exit::unavailable,
        "a question to 127.0.0.1 port 53 is not brought to the gate: the kernel tracks no connections, or "
        "somebody else's rules take DNS elsewhere; load nf_conntrack on the host, and look at nft list "
        "ruleset");
  if (!listeners.udp6.valid()) return nft::Tracking::both_families;
  return TRY(ask(AF_INET6, listeners.udp6, agent)) == Finding::redirected ? nft::Tracking::both_families
                                                                          : nft::Tracking::ipv4_only;
}

}  // namespace ostiary::boot
