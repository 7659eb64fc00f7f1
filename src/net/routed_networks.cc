#include "ostiary/net/routed_networks.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include <linux/rtnetlink.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <sys/socket.h>

#include "route_dump.h"

namespace ostiary::net {
namespace {

using Route = std::unique_ptr<rtnl_route, CDelete<rtnl_route_put>>;
constexpr int attempts = 8;  // a dump that a change interrupts is begun again

std::optional<inet::Prefix> target_of(rtnl_route* route) {
  std::array<uint8_t, 4> octets{};
  nl_addr* const target = rtnl_route_get_dst(route);
  const unsigned length = target == nullptr ? 0 : nl_addr_get_prefixlen(target);
  if (target != nullptr && nl_addr_get_len(target) == octets.size())
    std::ranges::copy_n(static_cast<const uint8_t*>(nl_addr_get_binary_addr(target)), octets.size(),
                        octets.begin());
  auto parsed = inet::Prefix::parse(inet::IpAddress::v4(octets).text() + "/" + std::to_string(length));
  if (!parsed) return std::nullopt;
  return *parsed;
}

int take_route(nl_msg* message, void* argument) noexcept {
  rtnl_route* parsed = nullptr;
  if (rtnl_route_parse(nlmsg_hdr(message), &parsed) < 0) return NL_OK;
  const Route route(parsed);
  if (rtnl_route_get_family(route.get()) != AF_INET || rtnl_route_get_type(route.get()) != RTN_UNICAST)
    return NL_OK;
  const auto network = target_of(route.get());
  if (!network) return NL_OK;
  auto& found = *static_cast<std::vector<RoutedNetwork>*>(argument);
  for (int number = 0; number < rtnl_route_get_nnexthops(route.get()); ++number) {
    const int interface = rtnl_route_nh_get_ifindex(rtnl_route_nexthop_n(route.get(), number));
    if (interface > 0) found.push_back({static_cast<uint32_t>(interface), *network});
  }
  return NL_OK;
}

}  // namespace

std::vector<RoutedNetwork> without_inner(std::vector<RoutedNetwork> networks) {
  std::ranges::sort(networks);  // an outer network comes in front of those that lie in it
  std::vector<RoutedNetwork> out;
  for (RoutedNetwork& each : networks)
    if (out.empty() || out.back().interface != each.interface ||
        !out.back().network.contains(each.network.network()))
      out.push_back(std::move(each));
  return out;
}

Result<std::vector<RoutedNetwork>> read_routed_networks() {
  for (int left = attempts;; --left) {
    std::vector<RoutedNetwork> found;
    const Result<> read = dump_routes(AF_INET, take_route, &found);
    if (read) return without_inner(std::move(found));
    if (left == 1) return std::unexpected(read.error());
  }
}

Result<RouteWatch> RouteWatch::open() {
  UniqueFd socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE)};
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_IPV4_ROUTE;
  if (!socket.valid() || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    return std::unexpected(Error::system("notifications of routes"));
  return RouteWatch(std::move(socket));
}

// What a notification says does not matter, nor that one was lost: the routes are read again.
Routes RouteWatch::read() {
  constexpr int at_once = 1024;  // the rest wakes the caller again
  Routes routes = Routes::as_they_were;
  std::array<uint8_t, 1> ignored{};
  for (int left = at_once; left > 0; --left) {
    const ssize_t size = ::recv(fd(), ignored.data(), ignored.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && errno != ENOBUFS && errno != EINTR) break;
    routes = Routes::changed;
  }
  return routes;
}

}  // namespace ostiary::net
