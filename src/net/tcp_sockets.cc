#include "tcp_sockets.h"

#include <cstring>
#include <span>
#include <string_view>

#include <netinet/in.h>

#include "sock_diag.h"

namespace ostiary::net {
namespace {

constexpr std::string_view module = "tcp_diag";

}  // namespace

inet_diag_req_v2 about_tcp(uint8_t family, uint32_t states) {
  inet_diag_req_v2 request{};
  request.sdiag_family = family;
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = states;
  return request;
}

Result<std::vector<inet_diag_msg>> list_tcp_sockets(netlink::Socket& socket, uint32_t states) {
  std::vector<inet_diag_msg> sockets;
  const auto take = [&sockets](std::span<const uint8_t> message) -> Result<> {
    if (message.size() < sizeof(inet_diag_msg)) return malformed(module);
    std::memcpy(&sockets.emplace_back(), message.data(), sizeof(inet_diag_msg));
    return {};
  };
  for (const uint8_t family : {uint8_t{AF_INET}, uint8_t{AF_INET6}})
    TRY(dump(socket, {SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, about_tcp(family, states)}, module, take));
  return sockets;
}

}  // namespace ostiary::net
