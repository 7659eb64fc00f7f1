#include "probe_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include "ostiary/inet/socket_address.h"

namespace ostiary::selftest {
namespace {

using inet::Family;
using inet::IpAddress;

constexpr uint32_t loopback_index = 1;  // of `lo`, in every network namespace

Result<> set(const UniqueFd& fd, int level, int option, int value) {
  if (::setsockopt(fd.get(), level, option, &value, sizeof value) != 0)
    return std::unexpected(Error::system("cannot set a socket's options", Exit::unavailable));
  return {};
}

bool is_icmp_error(const cmsghdr& header) {
  return (header.cmsg_level == SOL_IP && header.cmsg_type == IP_RECVERR) ||
         (header.cmsg_level == SOL_IPV6 && header.cmsg_type == IPV6_RECVERR);
}

bool is_about_a_neighbour(const sock_extended_err& error) {
  if (error.ee_origin == SO_EE_ORIGIN_ICMP)
    return error.ee_type == ICMP_DEST_UNREACH && error.ee_code == ICMP_HOST_UNREACH;
  return error.ee_type == ICMP6_DST_UNREACH && error.ee_code == ICMP6_DST_UNREACH_ADDR;
}

// The error is followed by the address of its sender.
std::optional<IcmpError> read_error(const cmsghdr& header, const std::optional<IpAddress>& own) {
  const size_t given = header.cmsg_len - std::min(header.cmsg_len, CMSG_LEN(0));
  sock_extended_err error{};
  if (given < sizeof error) return std::nullopt;
  std::memcpy(&error, CMSG_DATA(&header), sizeof error);
  sockaddr_storage storage{};
  std::memcpy(&storage, CMSG_DATA(&header) + sizeof error, std::min(sizeof storage, given - sizeof error));
  const auto sender = inet::SocketAddress::address_in(storage);
  const bool is_refusal = sender && sender == own && !is_about_a_neighbour(error);
  return IcmpError{static_cast<int>(error.ee_errno),
                   is_refusal ? Meaning::refused_here : Meaning::not_refused};
}

}  // namespace

uint8_t protocol_of(Transport transport, Family family) {
  switch (transport) {
    case Transport::tcp:
      return IPPROTO_TCP;
    case Transport::udp:
      return IPPROTO_UDP;
    case Transport::udp_lite:
      return IPPROTO_UDPLITE;
    case Transport::ping:
      return family == Family::ipv4 ? uint8_t{IPPROTO_ICMP} : uint8_t{IPPROTO_ICMPV6};
  }
  return IPPROTO_TCP;
}

std::expected<UniqueFd, int> open_socket(Transport transport, Family family) {
  const int domain = family == Family::ipv4 ? AF_INET : AF_INET6;
  const int type = transport == Transport::tcp ? SOCK_STREAM : SOCK_DGRAM;
  UniqueFd fd{::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol_of(transport, family))};
  if (!fd.valid()) return std::unexpected(errno);
  return fd;
}

Result<> limit_hops(const UniqueFd& fd, Family family) {
  if (family == Family::ipv4) return set(fd, SOL_IP, IP_TTL, 1);
  return set(fd, SOL_IPV6, IPV6_UNICAST_HOPS, 1);
}

Result<> ask_for_icmp_errors(const UniqueFd& fd, Family family) {
  if (family == Family::ipv4) return set(fd, SOL_IP, IP_RECVERR, 1);
  return set(fd, SOL_IPV6, IPV6_RECVERR, 1);
}

// Every packet that this machine sends to itself arrives through `lo`.
Result<> accept_this_machine_only(const UniqueFd& fd) {
  std::array<sock_filter, 4> program{
      {{BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_IFINDEX)},
       {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, loopback_index},
       {BPF_RET | BPF_K, 0, 0, UINT32_MAX},
       {BPF_RET | BPF_K, 0, 0, 0}}};
  const sock_fprog filter{program.size(), program.data()};
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0)
    return std::unexpected(Error::system("cannot filter what a socket receives", Exit::unavailable));
  return {};
}

Failure classify(int error) {
  switch (error) {
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
    case ESOCKTNOSUPPORT:
      return Failure::no_such_socket;
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case EHOSTUNREACH:  // a route of type unreachable
    case EINVAL:        // a route of type blackhole
      return Failure::no_route;
    case EPERM:
    case EACCES:
      return Failure::refused;
    default:
      return Failure::other;
  }
}

std::optional<IcmpError> take_icmp_error(const UniqueFd& fd) {
  std::array<uint8_t, 256> data{};
  alignas(cmsghdr) std::array<char, 512> control{};
  iovec vector{data.data(), data.size()};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(fd.get(), &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return std::nullopt;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header))
    if (is_icmp_error(*header)) return read_error(*header, inet::SocketAddress::local(fd));
  return IcmpError{};
}

}  // namespace ostiary::selftest
