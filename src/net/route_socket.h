// net/route_socket.h: rtnetlink by libnl: a connected socket, and the kernel's routes.
#pragma once

#include <memory>
#include <string>

#include <netlink/errno.h>
#include <netlink/handlers.h>
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

inline int note_error(sockaddr_nl*, nlmsgerr* error, void* argument) noexcept {
  *static_cast<int*>(argument) = error->error;
  return NL_STOP;
}

// Calls `each` for every route of the family, message by message: a cache of a router's full table
// would be too large. AF_UNSPEC means all families.
inline Result<> dump_routes(uint8_t family, nl_recvmsg_msg_cb_t each, void* argument) {
  const RouteSocket socket = TRY(connect_route_socket());
  int refused = 0;
  nl_socket_modify_cb(socket.get(), NL_CB_VALID, NL_CB_CUSTOM, each, argument);
  nl_socket_modify_err_cb(socket.get(), NL_CB_CUSTOM, note_error, &refused);
  rtmsg request{};
  request.rtm_family = family;
  if (const int code = nl_send_simple(socket.get(), RTM_GETROUTE, NLM_F_DUMP, &request, sizeof request);
      code < 0)
    return std::unexpected(route_error("routes", code));
  if (const int code = nl_recvmsgs_default(socket.get()); code < 0)
    return std::unexpected(route_error("routes", code));
  if (refused != 0) return std::unexpected(route_error("routes", nl_syserr2nlerr(refused)));
  return {};
}

}  // namespace ostiary::net
