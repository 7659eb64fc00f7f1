#include "ostiary/net/interfaces.h"

#include <net/if.h>
#include <netlink/route/link.h>

#include "route_socket.h"

namespace ostiary::net {
namespace {

using Link = std::unique_ptr<rtnl_link, CDelete<rtnl_link_put>>;

}  // namespace

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
