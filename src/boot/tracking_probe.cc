#include "tracking_probe.h"

#include <array>
#include <chrono>
#include <cstring>

#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "ostiary/base/as_user.h"
#include "ostiary/inet/dns_port.h"
#include "ostiary/inet/socket_address.h"

namespace ostiary::boot {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A refusal is reported at once, and a datagram over loopback arrives at once. The rest allows for
// a stalled machine.
constexpr milliseconds patience{500};

using Nonce = std::array<uint8_t, 16>;

enum class Seen : uint8_t { refused, redirected };

// The rules may judge a packet by the socket's owner.
UniqueFd make_socket(int domain, const confine::Identity& agent) {
  const AsUser of_the_agent(agent.uid, agent.gid);
  return UniqueFd{::socket(domain, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
}

// Another process's question that arrives meanwhile is lost; the process asks again.
Result<Seen> await(const UniqueFd& listener, const Nonce& nonce) {
  const auto deadline = steady_clock::now() + patience;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    pollfd waiting{.fd = listener.get(), .events = POLLIN, .revents = 0};
    if (left <= milliseconds(0)) return Seen::refused;
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return std::unexpected(Error::system("poll", Exit::unavailable));
    std::array<uint8_t, 64> room{};
    const ssize_t got = ::recv(listener.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (got == std::ssize(nonce) && std::memcmp(room.data(), nonce.data(), nonce.size()) == 0)
      return Seen::redirected;
  }
}

Result<Seen> ask(inet::Family family, const UniqueFd& listener, const confine::Identity& agent) {
  Nonce nonce{};
  if (::getrandom(nonce.data(), nonce.size(), 0) != std::ssize(nonce))
    return std::unexpected(Error::system("getrandom", Exit::unavailable));
  const inet::SocketAddress server(inet::IpAddress::loopback(family), inet::dns_port);
  const UniqueFd fd = make_socket(server.domain(), agent);
  if (!fd.valid()) return std::unexpected(Error::system("socket", Exit::unavailable));
  if (::sendto(fd.get(), nonce.data(), nonce.size(), 0, server.get(), server.size()) != std::ssize(nonce))
    return Seen::refused;
  return await(listener, nonce);
}

}  // namespace

Result<nft::Tracking> probe_tracking(const gate::Listeners& listeners, const confine::Identity& agent) {
  if (TRY(ask(inet::Family::ipv4, listeners.udp4, agent)) == Seen::refused)
    return fail(
        Exit::unavailable,
        "a DNS question to 127.0.0.1 did not reach the gate: the kernel does not track connections, or other "
        "nftables rules redirect DNS. Load nf_conntrack on the host, or remove these rules: nft list ruleset "
        "shows them");
  if (!listeners.udp6.valid()) return nft::Tracking::both_families;
  return TRY(ask(inet::Family::ipv6, listeners.udp6, agent)) == Seen::redirected
             ? nft::Tracking::both_families
             : nft::Tracking::ipv4_only;
}

}  // namespace ostiary::boot
