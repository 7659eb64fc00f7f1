#include "ostiary/net/unix_sockets.h"

#include <algorithm>
#include <string_view>

#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "ostiary/base/encoding.h"
#include "ostiary/netlink/message.h"
#include "sock_diag.h"

namespace ostiary::net {
namespace {

constexpr std::string_view module = "unix_diag";

// The kernel uses TCP's states. A datagram socket that has a connected client is ESTABLISHED, and
// still accepts other clients.
constexpr uint32_t states = 1U << TCP_LISTEN | 1U << TCP_CLOSE | 1U << TCP_ESTABLISHED;

bool is_client(const unix_diag_msg& socket, std::string_view name) {
  if (socket.udiag_type == SOCK_DGRAM) return name.starts_with('\0') && is_autobound(name);
  return socket.udiag_state != TCP_LISTEN;
}

// Without the octet 0 that ends a path.
std::string name_of(std::span<const uint8_t> octets) {
  std::string name(octets.begin(), octets.end());
  if (!name.starts_with('\0')) name.resize(std::min(name.find('\0'), name.size()));
  return name;
}

// The kernel's own form of a device number has 20 bits for the minor number.
std::optional<SocketFile> file_in(std::span<const uint8_t> attributes) {
  constexpr uint32_t minor_bits = 20;
  const auto attribute = netlink::find_attribute(attributes, UNIX_DIAG_VFS);
  unix_diag_vfs file{};
  if (!attribute || attribute->payload.size() < sizeof file) return std::nullopt;
  std::memcpy(&file, attribute->payload.data(), sizeof file);
  return SocketFile{
      .device = makedev(file.udiag_vfs_dev >> minor_bits, file.udiag_vfs_dev & ((1U << minor_bits) - 1)),
      .inode = file.udiag_vfs_ino};
}

Result<> add_socket(std::vector<UnixSocket>& sockets, std::span<const uint8_t> message) {
  unix_diag_msg socket{};
  if (message.size() < sizeof socket) return malformed(module);
  std::memcpy(&socket, message.data(), sizeof socket);
  const auto attributes = message.subspan(NLMSG_ALIGN(sizeof socket));
  const auto attribute = netlink::find_attribute(attributes, UNIX_DIAG_NAME);
  if (!attribute) return {};
  std::string name = name_of(attribute->payload);
  if (!name.empty() && !is_client(socket, name))
    sockets.push_back({.name = std::move(name), .inode = socket.udiag_ino, .file = file_in(attributes)});
  return {};
}

}  // namespace

bool is_autobound(std::string_view name) {
  constexpr size_t size = 6;  // one octet and five digits
  return name.size() == size &&
         name.substr(1).find_first_not_of(hexadecimal_digits) == std::string_view::npos;
}

Result<std::vector<UnixSocket>> connectable_unix_sockets() {
  unix_diag_req request{};
  request.sdiag_family = AF_UNIX;
  request.udiag_states = states;
  request.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS;
  netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::socket_diagnosis));
  std::vector<UnixSocket> sockets;
  TRY(dump(socket, {SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, request}, module,
           [&sockets](std::span<const uint8_t> message) { return add_socket(sockets, message); }));
  return sockets;
}

}  // namespace ostiary::net
