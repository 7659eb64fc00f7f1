#include "ostiary/net/routes.h"

#include <algorithm>
#include <span>

#include <net/if.h>
#include <netlink/cache.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/route.h>

#include "route_socket.h"

namespace ostiary::net {
namespace {

using Cache = std::unique_ptr<nl_cache, CDelete<nl_cache_free>>;
using Route = std::unique_ptr<rtnl_route, CDelete<rtnl_route_put>>;

struct Scan {
  Reachable routes;
  Reachable addresses;
};

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

int scan_route(nl_msg* message, void* argument) noexcept {
  rtnl_route* parsed = nullptr;
  if (rtnl_route_parse(nlmsg_hdr(message), &parsed) < 0) return NL_OK;
  const Route route(parsed);
  const int family = rtnl_route_get_family(route.get());
  if (family != AF_INET && family != AF_INET6) return NL_OK;
  Reach& reach = of_family(static_cast<Scan*>(argument)->routes, family);
  reach = std::max(reach, reach_of_route(route.get()));
  return NL_OK;
}

Result<> scan_addresses(nl_sock* socket, Scan& scan) {
  nl_cache* filled = nullptr;
  if (const int code = rtnl_addr_alloc_cache(socket, &filled); code < 0)
    return std::unexpected(route_error("addresses", code));
  const Cache cache(filled);
  for (nl_object* object = nl_cache_get_first(cache.get()); object != nullptr;
       object = nl_cache_get_next(object)) {
    auto* address = reinterpret_cast<rtnl_addr*>(object);
    const int family = rtnl_addr_get_family(address);
    const int scope = rtnl_addr_get_scope(address);
    if ((family == AF_INET || family == AF_INET6) && scope < RT_SCOPE_LINK)
      of_family(scan.addresses, family) = Reach::global;
  }
  return {};
}

using Link = std::unique_ptr<rtnl_link, CDelete<rtnl_link_put>>;

}  // namespace

Result<Reachable> read_reach() {
  Scan scan;
  const RouteSocket addresses = TRY(connect_route_socket());
  TRY(scan_addresses(addresses.get(), scan));
  TRY(dump_routes(AF_UNSPEC, scan_route, &scan));
  return Reachable{std::min(scan.routes.ipv4, scan.addresses.ipv4),
                   std::min(scan.routes.ipv6, scan.addresses.ipv6)};
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
