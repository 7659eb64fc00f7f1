#include "forgery.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "ostiary/base/unique_fd.h"
#include "ostiary/inet/socket_address.h"
#include "probe_socket.h"

namespace ostiary::selftest {
namespace {

using inet::Family;
using inet::IpAddress;
using inet::SocketAddress;
using Kind = Forgery::Kind;

constexpr uint16_t discard_port = 9;
constexpr int ipv6_freebind = 78;       // not in every C library's headers
constexpr uint32_t loopback_index = 1;  // of `lo`, in every network namespace

// A documentation address that no other attempt uses.
IpAddress unlisted(Family family) {
  if (family == Family::ipv4) return IpAddress::v4({203, 0, 113, 9});
  return IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0xff, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9});
}

// A random address in 2001:db8:fffe::/48 or 198.51.100.0/24.
Result<IpAddress> accomplice(Family family) {
  std::array<uint8_t, 16> octets{0x20, 0x01, 0x0d, 0xb8, 0xff, 0xfe};
  const auto random = std::span(octets).subspan(6);
  if (::getrandom(random.data(), random.size(), 0) != std::ssize(random))
    return std::unexpected(Error::system("getrandom", Exit::unavailable));
  if (family == Family::ipv6) return IpAddress::v6(octets);
  return IpAddress::v4({198, 51, 100, octets.back()});
}

// The address that this host would send from. connect() of a UDP socket sends nothing. Loopback if
// there is no other.
IpAddress own(Family family) {
  const SocketAddress anywhere(unlisted(family), discard_port);
  const UniqueFd fd{::socket(anywhere.domain(), SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!fd.valid() || ::connect(fd.get(), anywhere.get(), anywhere.size()) != 0)
    return IpAddress::loopback(family);
  return SocketAddress::local(fd).value_or(IpAddress::loopback(family));
}

sockaddr_in6 mapped(const IpAddress& v4) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr.s6_addr[10] = address.sin6_addr.s6_addr[11] = 0xff;
  std::ranges::copy(v4.octets(), std::begin(address.sin6_addr.s6_addr) + 12);
  return address;
}

bool set(const UniqueFd& fd, int level, int option, const void* value, size_t size) {
  return ::setsockopt(fd.get(), level, option, value, static_cast<socklen_t>(size)) == 0;
}

// A packet that gets out reaches the next hop at most.
UniqueFd open(Family family, int type, int protocol = 0) {
  UniqueFd fd{
      ::socket(family == Family::ipv4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol)};
  if (!fd.valid() || limit_hops(fd, family)) return fd;
  return {};
}

bool send_to(const UniqueFd& fd, const IpAddress& address, int flags = 0) {
  constexpr std::array<uint8_t, 16> message{};
  const SocketAddress to(address, discard_port);
  return ::sendto(fd.get(), message.data(), message.size(), flags | MSG_NOSIGNAL, to.get(), to.size()) >= 0;
}

UniqueFd open_unbound(const Forgery& forgery, int type) {
  UniqueFd fd = open(Family::ipv6, type);
  const int on = 1;
  const SocketAddress from(forgery.accomplice.address, 0);
  if (fd.valid() && set(fd, SOL_IPV6, ipv6_freebind, &on, sizeof on) &&
      ::bind(fd.get(), from.get(), from.size()) == 0)
    return fd;
  return {};
}

int forge_unbound_datagram(const Forgery& forgery) {
  const UniqueFd fd = open_unbound(forgery, SOCK_DGRAM);
  return fd.valid() && send_to(fd, forgery.destination) ? 0 : errno;
}

int forge_unbound_connection(const Forgery& forgery) {
  const UniqueFd fd = open_unbound(forgery, SOCK_STREAM);
  const SocketAddress to(forgery.destination, discard_port);
  return fd.valid() && ::connect(fd.get(), to.get(), to.size()) == 0 ? 0 : errno;
}

// The kernel does not check the source address in IP_MULTICAST_IF if an index names the interface.
// connect() fails, because the address is not this host's, but only after the kernel has written
// the address into the flow of the corked datagram.
int forge_corked(const Forgery& forgery) {
  const UniqueFd fd = open(Family::ipv4, SOCK_DGRAM);
  ip_mreqn source{};
  source.imr_ifindex = loopback_index;
  std::memcpy(&source.imr_address, forgery.accomplice.address.octets().data(), sizeof source.imr_address);
  if (!fd.valid() || !set(fd, SOL_IP, IP_MULTICAST_IF, &source, sizeof source) ||
      !send_to(fd, forgery.destination, MSG_MORE))
    return errno;
  const SocketAddress group(IpAddress::v4({224, 0, 0, 1}), discard_port);
  (void)::connect(fd.get(), group.get(), group.size());
  return ::send(fd.get(), "", 0, MSG_NOSIGNAL) >= 0 ? 0 : errno;
}

int forge_mapped(const Forgery& forgery) {
  const UniqueFd fd = open(Family::ipv6, SOCK_DGRAM, IPPROTO_ICMPV6);
  const int off = 0;
  const sockaddr_in6 from = mapped(forgery.accomplice.address);
  if (!fd.valid() || !set(fd, SOL_IPV6, IPV6_V6ONLY, &off, sizeof off) ||
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0)
    return errno;
  constexpr std::array<uint8_t, 16> echo_request{128};
  sockaddr_in6 here{};  // "::", which the kernel replaces by ::1
  here.sin6_family = AF_INET6;
  return ::sendto(fd.get(), echo_request.data(), echo_request.size(), MSG_NOSIGNAL,
                  reinterpret_cast<const sockaddr*>(&here), sizeof here) >= 0
             ? 0
             : errno;
}

// RFC 8754: the list is in reverse. Its last entry is the next stop. The kernel itself writes the
// first entry, the last stop.
int forge_routing_header(const Forgery& forgery) {
  const UniqueFd fd = open(Family::ipv6, SOCK_DGRAM);
  std::array<uint8_t, 40> header{0, 4, 4, 1, 1};
  std::ranges::copy(forgery.destination.octets(), header.begin() + 24);
  if (!fd.valid() || !set(fd, SOL_IPV6, IPV6_RTHDR, header.data(), header.size())) return errno;
  return send_to(fd, forgery.accomplice.address) ? 0 : errno;
}

int forge_source_route(const Forgery& forgery) {
  const UniqueFd fd = open(Family::ipv4, SOCK_DGRAM);
  std::array<uint8_t, 8> option{131, 7, 4};
  std::ranges::copy(forgery.destination.octets(), option.begin() + 3);
  if (!fd.valid() || !set(fd, SOL_IP, IP_OPTIONS, option.data(), option.size())) return errno;
  return send_to(fd, forgery.accomplice.address) ? 0 : errno;
}

}  // namespace

Result<std::vector<Forgery>> choose_forgeries() {
  const IpAddress own4 = own(Family::ipv4);
  const IpAddress own6 = own(Family::ipv6);
  const IpAddress elsewhere4 = unlisted(Family::ipv4);
  const IpAddress elsewhere6 = unlisted(Family::ipv6);
  std::vector<Forgery> all{
      {"a forged source, UDP over IPv6 to this host", Kind::unbound_datagram, {}, own6},
      {"a forged source, UDP over IPv6 to elsewhere", Kind::unbound_datagram, {}, elsewhere6},
      {"a forged source, TCP over IPv6 to this host", Kind::unbound_connection, {}, own6},
      {"a forged source, TCP over IPv6 to elsewhere", Kind::unbound_connection, {}, elsewhere6},
      {"a forged source, UDP over IPv4", Kind::corked_source, {}, elsewhere4},
      {"a forged source, a ping over IPv6", Kind::mapped_source, {own4, nft::Counted::Form::mapped}, own6},
      {"a routing header over IPv6", Kind::routing_header, {}, own6},
      {"a source route over IPv4", Kind::source_route, {}, own4}};
  for (Forgery& forgery : all)
    if (forgery.kind != Kind::mapped_source)
      forgery.accomplice.address = TRY(accomplice(forgery.destination.family()));
  return all;
}

int forge(const Forgery& forgery) {
  switch (forgery.kind) {
    case Kind::unbound_datagram:
      return forge_unbound_datagram(forgery);
    case Kind::unbound_connection:
      return forge_unbound_connection(forgery);
    case Kind::corked_source:
      return forge_corked(forgery);
    case Kind::mapped_source:
      return forge_mapped(forgery);
    case Kind::routing_header:
      return forge_routing_header(forgery);
    case Kind::source_route:
      return forge_source_route(forgery);
  }
  return EINVAL;
}

}  // namespace ostiary::selftest
