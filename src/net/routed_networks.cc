#include "ostiary/net/routed_networks.h"

#include <algorithm>
#include <array>
#include <utility>

#include <linux/rtnetlink.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include "route_socket.h"

namespace ostiary::net {
namespace {

using Route = std::unique_ptr<rtnl_route, CDelete<rtnl_route_put>>;
constexpr int attempts = 8;  // a dump that a change interrupts is repeated

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

int take_route(nl_msg* message, void* argument) noexcept {
  rtnl_route* parsed = nullptr;
  if (rtnl_route_parse(nlmsg_hdr(message), &parsed) < 0) return NL_OK;
  const Route route(parsed);
  if (rtnl_route_get_family(route.get()) != AF_INET || rtnl_route_get_type(route.get()) != RTN_UNICAST)
    return NL_OK;
  const inet::Prefix network = target_of(route.get());
  auto& found = *static_cast<std::vector<inet::RoutedNetwork>*>(argument);
  for (int number = 0; number < rtnl_route_get_nnexthops(route.get()); ++number) {
    const int interface = rtnl_route_nh_get_ifindex(rtnl_route_nexthop_n(route.get(), number));
    if (interface > 0) found.push_back({static_cast<uint32_t>(interface), network});
  }
  return NL_OK;
}

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

Result<std::vector<inet::RoutedNetwork>> read_routed_networks() {
  for (int left = attempts;; --left) {
    std::vector<inet::RoutedNetwork> found;
    const Result<> read = dump_routes(AF_INET, take_route, &found);
    if (read) return without_inner(std::move(found));
    if (left == 1) return std::unexpected(read.error());
  }
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

}  // namespace ostiary::net
