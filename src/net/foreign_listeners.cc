#include "ostiary/net/foreign_listeners.h"

#include <algorithm>
#include <span>
#include <string_view>

#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "ostiary/inet/ip_address.h"
#include "ostiary/netlink/socket.h"
#include "sock_diag.h"

namespace ostiary::net {
namespace {

constexpr std::string_view module = "tcp_diag";
constexpr size_t max_named = 16;

struct Listener {
  inet::IpAddress address;
  uint16_t port = 0;
  uint64_t inode = 0;
};

Listener listener_in(const inet_diag_msg& socket) {
  return {.address = address_of(socket.idiag_family, socket.id.idiag_src),
          .port = __builtin_bswap16(socket.id.idiag_sport),
          .inode = socket.idiag_inode};
}

bool is_dockers_resolver(const Listener& listener) {
  return listener.address == inet::IpAddress::v4({127, 0, 0, 11});
}

Result<> list_listeners(netlink::Socket& socket, uint8_t family, std::vector<Listener>& listeners) {
  inet_diag_req_v2 request{};
  request.sdiag_family = family;
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = 1U << TCP_LISTEN;
  return dump(socket, {SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, request}, module,
              [&listeners](std::span<const uint8_t> message) -> Result<> {
                inet_diag_msg listening{};
                if (message.size() < sizeof listening) return malformed(module);
                std::memcpy(&listening, message.data(), sizeof listening);
                const Listener listener = listener_in(listening);
                if (!is_dockers_resolver(listener)) listeners.push_back(listener);
                return {};
              });
}

std::string text(const Listener& listener) {
  const std::string address = listener.address.text();
  const bool is_v6 = listener.address.family() == inet::Family::ipv6;
  return (is_v6 ? "[" + address + "]" : address) + ":" + std::to_string(listener.port);
}

}  // namespace

Result<ForeignListeners> find_foreign_listeners() {
  netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::socket_diagnosis));
  std::vector<Listener> listeners;
  for (const uint8_t family : {uint8_t{AF_INET}, uint8_t{AF_INET6}})
    TRY(list_listeners(socket, family, listeners));
  ForeignListeners foreign{.places = {}, .processes = Seen::wholly};
  if (listeners.empty()) return foreign;
  foreign.processes = for_each_open_socket([&listeners](const Process&, uint64_t inode) {
    std::erase_if(listeners, [inode](const Listener& listener) { return listener.inode == inode; });
    return listeners.empty() ? Next::stop : Next::go_on;
  });
  for (const Listener& listener : listeners) foreign.places.push_back(text(listener));
  return foreign;
}

std::string describe(const ForeignListeners& listeners) {
  std::string places;
  for (const std::string& place :
       std::span(listeners.places).first(std::min(listeners.places.size(), max_named)))
    places += (places.empty() ? "" : ", ") + place;
  if (places.empty()) return places;
  if (listeners.places.size() > max_named)
    places += " and " + std::to_string(listeners.places.size() - max_named) + " more";
  return "TCP: " + places + (listeners.processes == Seen::wholly ? " is" : " may be") +
         " served by a process outside of this container, which can send what the agent gives it to places "
         "that the rules deny. If that is not intended, end the service";
}

}  // namespace ostiary::net
