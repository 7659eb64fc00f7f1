// net/sock_diag.h: queries the sockets of this network namespace, over NETLINK_SOCK_DIAG.
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <linux/types.h>
#include <sys/socket.h>

#include "ostiary/base/result.h"
#include "ostiary/inet/ip_address.h"
#include "ostiary/netlink/request.h"
#include "ostiary/netlink/socket.h"

namespace ostiary::net {

// A request that begins with a structure of the kernel's.
class DiagRequest {
 public:
  template <typename Content>
  DiagRequest(uint16_t type, uint16_t flags, const Content& content) {
    static_assert(std::is_trivially_copyable_v<Content> &&
                  sizeof(Content) <= sizeof octets_ - MNL_NLMSG_HDRLEN);
    header_ = mnl_nlmsg_put_header(octets_.data());
    header_->nlmsg_type = type;
    header_->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    std::memcpy(mnl_nlmsg_put_extra_header(header_, sizeof content), &content, sizeof content);
  }
  DiagRequest(const DiagRequest&) = delete;
  DiagRequest& operator=(const DiagRequest&) = delete;

  const nlmsghdr* header() const { return header_; }

 private:
  alignas(nlmsghdr) std::array<uint8_t, 128> octets_{};
  nlmsghdr* header_;
};

inline std::unexpected<Error> no_sockets(int error, std::string_view module) {
  return fail(Exit::unavailable, std::string("the kernel's list of sockets: ") + std::strerror(error) +
                                     "; load " + std::string(module) + " on the host");
}

// The error for a message of an unexpected form.
inline std::unexpected<Error> malformed(std::string_view module) {
  return no_sockets(EPROTO, module);
}

// An address of inet_diag_sockid.
inline inet::IpAddress address_of(uint8_t family, const __be32 (&words)[4]) {
  std::array<uint8_t, 16> octets{};
  std::memcpy(octets.data(), words, octets.size());
  if (family == AF_INET6) return inet::IpAddress::v6(octets);
  return inet::IpAddress::v4({octets[0], octets[1], octets[2], octets[3]});
}

// Passes the content of each message of a dump to `take`. If it fails, the host may lack `module`:
// the error names it.
Result<> dump(netlink::Socket& socket, const DiagRequest& request, std::string_view module, auto take) {
  const int error = TRY(netlink::dump(
      socket, request.header(), [&take](const netlink::Message& message) { return take(message.payload); }));
  if (error != 0) return no_sockets(error, module);
  return {};
}

}  // namespace ostiary::net
