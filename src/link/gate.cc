#include "ostiary/link/gate.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "ostiary/inet/dns_port.h"
#include "ostiary/inet/socket_address.h"
#include "ostiary/link/gate_channel.h"

namespace ostiary::gate {
namespace {

constexpr int backlog = 64;

Error bind_error(const inet::IpAddress& address, uint16_t number, std::string_view transport) {
  Error error = Error::system(
      address.text() + " port " + std::to_string(number) + "/" + std::string(transport), Exit::unavailable);
  error.message += ": stop the program that listens there";
  return error;
}

Result<UniqueFd> open_listener(inet::Family family, uint16_t number, int type) {
  const bool ipv6 = family == inet::Family::ipv6;
  const auto loopback = inet::IpAddress::loopback(family);
  const inet::SocketAddress name(loopback, number);
  UniqueFd fd{::socket(name.domain(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd.valid() && errno == EAFNOSUPPORT && ipv6) return UniqueFd{};
  if (!fd.valid()) return std::unexpected(Error::system("socket", Exit::unavailable));
  const int yes = 1;
  if (type == SOCK_STREAM) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  // Its connections inherit this: see event/stream_server.h.
  if (type == SOCK_STREAM) ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (::bind(fd.get(), name.get(), name.size()) != 0) {
    if (errno == EADDRNOTAVAIL && ipv6) return UniqueFd{};  // IPv6 is disabled
    return std::unexpected(bind_error(loopback, number, type == SOCK_STREAM ? "tcp" : "udp"));
  }
  if (type == SOCK_STREAM && ::listen(fd.get(), backlog) != 0)
    return std::unexpected(Error::system("listen", Exit::unavailable));
  return fd;
}

}  // namespace

Result<Listeners> open_listeners() {
  Listeners listeners;
  listeners.udp4 = TRY(open_listener(inet::Family::ipv4, port, SOCK_DGRAM));
  listeners.udp6 = TRY(open_listener(inet::Family::ipv6, port, SOCK_DGRAM));
  listeners.tcp4 = TRY(open_listener(inet::Family::ipv4, port, SOCK_STREAM));
  listeners.tcp6 = TRY(open_listener(inet::Family::ipv6, port, SOCK_STREAM));
  return listeners;
}

Result<> open_direct(Listeners& listeners) {
  auto ipv4 = TRY(open_listener(inet::Family::ipv4, inet::dns_port, SOCK_DGRAM));
  auto ipv6 = TRY(open_listener(inet::Family::ipv6, inet::dns_port, SOCK_DGRAM));
  listeners.direct_udp4 = std::move(ipv4);
  listeners.direct_udp6 = std::move(ipv6);
  return {};
}

keeper::Start prepare_start(const Listeners& listeners, const Setup& setup, KeeperFds theirs) {
  return {.setup = render_setup(setup),
          .descriptors = {{fd_name::udp4, listeners.udp4.get()},
                          {fd_name::udp6, listeners.udp6.get()},
                          {fd_name::tcp4, listeners.tcp4.get()},
                          {fd_name::tcp6, listeners.tcp6.get()},
                          {fd_name::direct_udp4, listeners.direct_udp4.get()},
                          {fd_name::direct_udp6, listeners.direct_udp6.get()},
                          {fd_name::audit, theirs.audit},
                          {fd_name::wildcard_count, theirs.wildcard_count}}};
}

Result<std::optional<Message>> receive(keeper::Helper& gate, std::chrono::milliseconds limit) {
  const auto octets = TRY(gate.receive(limit));
  if (!octets) return std::nullopt;
  auto message = parse_message(*octets);
  if (!message) return fail(Exit::unavailable, "the gate sent a malformed message");
  return message;
}

Result<> send_begin(keeper::Helper& gate) {
  return gate.send(render_command(Command::begin));
}

Result<> send_tested(keeper::Helper& gate) {
  return gate.send(render_command(Command::tested));
}

Result<> hand_over_audit(keeper::Helper& gate, int file) {
  return gate.send_with_descriptor(render_command(Command::audit), file);
}

Result<> send_restore(keeper::Helper& gate) {
  return gate.send(render_command(Command::restore));
}

}  // namespace ostiary::gate
