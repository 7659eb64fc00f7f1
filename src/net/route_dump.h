// net/route_dump.h: reads the kernel's routes message by message. A cache of a router's full table
// would be too large.
#pragma once

#include <netlink/handlers.h>

#include "route_socket.h"

namespace ostiary::net {

inline int note_error(sockaddr_nl*, nlmsgerr* error, void* argument) noexcept {
  *static_cast<int*>(argument) = error->error;
  return NL_STOP;
}

// Calls `each` for every route of the family. AF_UNSPEC means all families.
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
