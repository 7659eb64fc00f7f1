#include "sock_diag.h"

#include <string>
#include <vector>

#include "ostiary/netlink/message.h"

namespace ostiary::net {
namespace {

constexpr size_t max_datagram = 32768;

std::unexpected<Error> refused(int error, std::string_view module) {
  return fail(Exit::unavailable, std::string("the kernel's list of sockets: ") + std::strerror(error) +
                                     "; load " + std::string(module) + " on the host");
}

}  // namespace

std::unexpected<Error> malformed(std::string_view module) {
  return refused(EPROTO, module);
}

Result<> dump(netlink::Socket& socket, const DiagRequest& request, std::string_view module,
              const std::function<Result<>(std::span<const uint8_t>)>& take) {
  TRY(request.send(socket));
  std::vector<uint8_t> buffer(max_datagram);
  while (true) {
    const auto received = TRY(socket.receive(buffer));
    if (received.kind != netlink::Received::Kind::data) return malformed(module);
    std::span<const uint8_t> rest = received.data;
    while (const auto message = netlink::next_message(rest)) {
      if (message->type == NLMSG_DONE) return {};
      if (const auto error = netlink::acknowledged(*message)) return refused(*error, module);
      TRY(take(message->payload));
    }
  }
}

}  // namespace ostiary::net
