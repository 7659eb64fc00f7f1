#include "ostiary/net/routes.h"

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/handlers.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <netlink/socket.h>

#include "ostiary/base/c_handle.h"

namespace ostiary::net {
namespace {

using RouteSocket = std::unique_ptr<nl_sock, CDelete<nl_socket_free>>;

Error route_error(const char* what, int code) {
  const bool refused = code == -NLE_PERM || code == -NLE_NOACCESS;
  return {refused ? Exit::not_permitted : Exit::unavailable,
          std::string(what) + ": " + nl_geterror(code) +
              (refused ? "; run the container with --cap-add=NET_ADMIN" : "")};
}

Result<RouteSocket> connect_route_socket() {
  RouteSocket socket(nl_socket_alloc());
  if (socket == nullptr) return fail(Exit::unavailable, "rtnetlink: out of memory");
  if (const int code = nl_connect(socket.get(), NETLINK_ROUTE); code < 0)
    return std::unexpected(route_error("rtnetlink", code));
  return socket;
}

using Cache = std::unique_ptr<nl_cache, CDelete<nl_cache_free>>;
using Route = std::unique_ptr<rtnl_route, CDelete<rtnl_route_put>>;
constexpr int attempts = 8;  // a dump that a change interrupts is repeated

Reach& of_family(Reachable& reachable, int family) {
  return family == AF_INET ? reachable.ipv4 : reachable.ipv6;
}

bool is_link_local(int family, std::span<const uint8_t> octets) {
  if (family == AF_INET) return octets.size() >= 2 && octets[0] == 169 && octets[1] == 254;
  return octets.size() >= 2 && octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80;
}

// 2000::/3, which some hosts route instead of a default route.
bool is_global_block(int family, std::span<const uint8_t> octets, unsigned prefix) {
  return family == AF_INET6 && prefix <= 3 && !octets.empty() && (octets[0] & 0xe0) == 0x20;
}

std::span<const uint8_t> octets_of(const nl_addr* address) {
  if (address == nullptr) return {};
  return {static_cast<const uint8_t*>(nl_addr_get_binary_addr(address)), nl_addr_get_len(address)};
}

Reach reach_of_route(rtnl_route* route) {
  if (rtnl_route_get_type(route) != RTN_UNICAST || rtnl_route_get_table(route) == RT_TABLE_LOCAL)
    return Reach::none;
  const int family = rtnl_route_get_family(route);
  const nl_addr* target = rtnl_route_get_dst(route);
  const unsigned prefix = target == nullptr ? 0 : nl_addr_get_prefixlen(target);
  const auto octets = octets_of(target);
  if (prefix == 0 || is_global_block(family, octets, prefix)) return Reach::global;
  if (octets.empty()) return Reach::none;
  const bool is_link_only = is_link_local(family, octets) || octets[0] == (family == AF_INET ? 127 : 0xff);
  return is_link_only ? Reach::none : Reach::local;
}

// A default route may have no address at all.
inet::Prefix target_of(rtnl_route* route) {
  std::array<uint8_t, 4> octets{};
  nl_addr* const target = rtnl_route_get_dst(route);
  const auto length = static_cast<uint8_t>(target == nullptr ? 0 : nl_addr_get_prefixlen(target));
  if (target != nullptr && nl_addr_get_len(target) == octets.size())
    std::ranges::copy_n(static_cast<const uint8_t*>(nl_addr_get_binary_addr(target)), octets.size(),
                        octets.begin());
  return inet::Prefix::around(inet::IpAddress::v4(octets), length);
}

void add_networks(rtnl_route* route, std::vector<inet::RoutedNetwork>& networks) {
  if (rtnl_route_get_type(route) != RTN_UNICAST) return;
  const inet::Prefix network = target_of(route);
  for (int number = 0; number < rtnl_route_get_nnexthops(route); ++number) {
    const int interface = rtnl_route_nh_get_ifindex(rtnl_route_nexthop_n(route, number));
    if (interface > 0) networks.push_back({static_cast<uint32_t>(interface), network});
  }
}

int take_route(nl_msg* message, void* argument) noexcept {
  rtnl_route* parsed = nullptr;
  if (rtnl_route_parse(nlmsg_hdr(message), &parsed) < 0) return NL_OK;
  const Route route(parsed);
  auto& table = *static_cast<RoutingTable*>(argument);
  const int family = rtnl_route_get_family(route.get());
  if (family != AF_INET && family != AF_INET6) return NL_OK;
  Reach& reach = of_family(table.reach, family);
  reach = std::max(reach, reach_of_route(route.get()));
  if (family == AF_INET) add_networks(route.get(), table.networks);
  return NL_OK;
}

int note_error(sockaddr_nl*, nlmsgerr* error, void* argument) noexcept {
  *static_cast<int*>(argument) = error->error;
  return NL_STOP;
}

// Reads the routes message by message: a cache of a router's full table would be too large.
// AF_UNSPEC means all families.
Result<RoutingTable> dump_once(uint8_t family) {
  const RouteSocket socket = TRY(connect_route_socket());
  RoutingTable table;
  int refused = 0;
  nl_socket_modify_cb(socket.get(), NL_CB_VALID, NL_CB_CUSTOM, take_route, &table);
  nl_socket_modify_err_cb(socket.get(), NL_CB_CUSTOM, note_error, &refused);
  rtmsg request{};
  request.rtm_family = family;
  if (const int code = nl_send_simple(socket.get(), RTM_GETROUTE, NLM_F_DUMP, &request, sizeof request);
      code < 0)
    return std::unexpected(route_error("routes", code));
  if (const int code = nl_recvmsgs_default(socket.get()); code < 0)
    return std::unexpected(route_error("routes", code));
  if (refused != 0) return std::unexpected(route_error("routes", nl_syserr2nlerr(refused)));
  return table;
}

Result<RoutingTable> dump(uint8_t family) {
  for (int left = attempts;; --left) {
    auto table = dump_once(family);
    if (table) table->networks = without_inner(std::move(table->networks));
    if (table || left == 1) return table;
  }
}

// The families that have an address to send from.
Result<Reachable> read_addresses() {
  const RouteSocket socket = TRY(connect_route_socket());
  nl_cache* filled = nullptr;
  if (const int code = rtnl_addr_alloc_cache(socket.get(), &filled); code < 0)
    return std::unexpected(route_error("addresses", code));
  const Cache cache(filled);
  Reachable addresses;
  for (nl_object* object = nl_cache_get_first(cache.get()); object != nullptr;
       object = nl_cache_get_next(object)) {
    auto* address = reinterpret_cast<rtnl_addr*>(object);
    const int family = rtnl_addr_get_family(address);
    const int scope = rtnl_addr_get_scope(address);
    if ((family == AF_INET || family == AF_INET6) && scope < RT_SCOPE_LINK)
      of_family(addresses, family) = Reach::global;
  }
  return addresses;
}

using Link = std::unique_ptr<rtnl_link, CDelete<rtnl_link_put>>;

}  // namespace

std::vector<inet::RoutedNetwork> without_inner(std::vector<inet::RoutedNetwork> networks) {
  std::ranges::sort(networks);  // an outer network comes before its inner ones
  std::vector<inet::RoutedNetwork> out;
  for (inet::RoutedNetwork& each : networks)
    if (out.empty() || out.back().interface != each.interface ||
        !out.back().network.contains(each.network.network()))
      out.push_back(std::move(each));
  return out;
}

Result<RoutingTable> read_routes() {
  const Reachable addresses = TRY(read_addresses());
  RoutingTable table = TRY(dump(AF_UNSPEC));
  table.reach = {std::min(table.reach.ipv4, addresses.ipv4), std::min(table.reach.ipv6, addresses.ipv6)};
  return table;
}

Result<std::vector<inet::RoutedNetwork>> read_routed_networks() {
  return TRY(dump(AF_INET)).networks;
}

Result<RouteWatch> RouteWatch::open() {
  netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::routing));
  TRY(socket.subscribe(RTNLGRP_IPV4_ROUTE));
  return RouteWatch(std::move(socket));
}

// The content of a notification does not matter, nor does a lost one: the routes are read again.
Result<Routes> RouteWatch::read() {
  constexpr int max_notices = 1024;  // further ones wake the caller again
  Routes routes = Routes::as_they_were;
  std::array<uint8_t, 1> ignored{};
  for (int left = max_notices; left > 0; --left) {
    if (TRY(socket_.receive(ignored)).kind == netlink::Received::Kind::nothing) break;
    routes = Routes::changed;
  }
  return routes;
}

Result<> bring_loopback_up() {
  const RouteSocket socket = TRY(connect_route_socket());
  rtnl_link* found = nullptr;
  if (const int code = rtnl_link_get_kernel(socket.get(), 0, "lo", &found); code < 0)
    return std::unexpected(route_error("interface lo", code));
  const Link lo(found);
  if ((rtnl_link_get_flags(lo.get()) & IFF_UP) != 0) return {};
  const Link change(rtnl_link_alloc());
  if (change == nullptr) return fail(Exit::unavailable, "interface lo: out of memory");
  rtnl_link_set_flags(change.get(), IFF_UP);
  if (const int code = rtnl_link_change(socket.get(), lo.get(), change.get(), 0); code < 0)
    return std::unexpected(route_error("interface lo", code));
  return {};
}

}  // namespace ostiary::net
