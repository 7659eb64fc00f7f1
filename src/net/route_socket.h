// net/route_socket.h: a connected rtnetlink socket of libnl.
#pragma once

#include <memory>
#include <string>

#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "ostiary/base/c_handle.h"
#include "ostiary/base/result.h"

namespace ostiary::net {

using RouteSocket = std::unique_ptr<nl_sock, CDelete<nl_socket_free>>;

inline Error route_error(const char* what, int code) {
  const bool refused = code == -NLE_PERM || code == -NLE_NOACCESS;
  return {refused ? Exit::not_permitted : Exit::unavailable,
          std::string(what) + ": " + nl_geterror(code) +
              (refused ? "; run the container with --cap-add=NET_ADMIN" : "")};
}

inline Result<RouteSocket> connect_route_socket() {
  RouteSocket socket(nl_socket_alloc());
  if (socket == nullptr) return fail(Exit::unavailable, "rtnetlink: out of memory");
  if (const int code = nl_connect(socket.get(), NETLINK_ROUTE); code < 0)
    return std::unexpected(route_error("rtnetlink", code));
  return socket;
}

}  // namespace ostiary::net
