#include "sock_diag.h"

#include <cerrno>
#include <string>

#include "ostiary/netlink/request.h"

namespace ostiary::net {
namespace {

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
  const int error = TRY(netlink::dump(
      socket, request.header(), [&take](const netlink::Message& message) { return take(message.payload); }));
  if (error != 0) return refused(error, module);
  return {};
}

}  // namespace ostiary::net
