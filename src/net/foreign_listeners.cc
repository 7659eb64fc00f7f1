#include "ostiary/net/foreign_listeners.h"

#include <algorithm>
#include <span>
#include <vector>

#include <netinet/tcp.h>

#include "ostiary/base/text.h"
#include "ostiary/inet/destination.h"
#include "ostiary/netlink/socket.h"
#include "sock_diag.h"
#include "tcp_sockets.h"

namespace ostiary::net {
namespace {

constexpr size_t max_named = 16;

bool is_dockers_resolver(const inet_diag_msg& listener) {
  return address_of(listener.idiag_family, listener.id.idiag_src) == inet::IpAddress::v4({127, 0, 0, 11});
}

std::string place_of(const inet_diag_msg& listener) {
  return text(inet::Destination{.host = address_of(listener.idiag_family, listener.id.idiag_src),
                                .port = __builtin_bswap16(listener.id.idiag_sport)});
}

}  // namespace

Result<ForeignListeners> find_foreign_listeners() {
  netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::socket_diagnosis));
  std::vector<inet_diag_msg> listeners = TRY(list_tcp_sockets(socket, 1U << TCP_LISTEN));
  std::erase_if(listeners, is_dockers_resolver);
  ForeignListeners foreign{.places = {}, .processes = Seen::wholly};
  if (listeners.empty()) return foreign;
  foreign.processes = for_each_open_socket([&listeners](const Process&, uint64_t inode) {
    std::erase_if(listeners,
                  [inode](const inet_diag_msg& listener) { return listener.idiag_inode == inode; });
    return listeners.empty() ? Next::stop : Next::go_on;
  });
  for (const inet_diag_msg& listener : listeners) foreign.places.push_back(place_of(listener));
  return foreign;
}

std::string describe(const ForeignListeners& listeners) {
  const auto named = std::span(listeners.places).first(std::min(listeners.places.size(), max_named));
  std::string places = join(named, ", ");
  if (places.empty()) return places;
  if (listeners.places.size() > max_named)
    places += " and " + std::to_string(listeners.places.size() - max_named) + " more";
  return "TCP: " + places + (listeners.processes == Seen::wholly ? " is" : " may be") +
         " served by a process outside of this container, which can send what the agent gives it to places "
         "that the rules deny. If that is not intended, end the service";
}

}  // namespace ostiary::net
