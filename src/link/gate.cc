#include "ostiary/link/gate.h"

#include <sys/socket.h>

#include "listener.h"
#include "ostiary/inet/dns_port.h"
#include "ostiary/link/gate_channel.h"

namespace ostiary::gate {
namespace {

Result<UniqueFd> open_listener(inet::Family family, uint16_t number, int type) {
  return link::open_listener({.family = family, .port = number, .type = type});
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
                          {fd_name::audit_for_relay, theirs.audit_for_relay},
                          {fd_name::wildcard_count, theirs.wildcard_count},
                          {fd_name::relay, theirs.relay}}};
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
