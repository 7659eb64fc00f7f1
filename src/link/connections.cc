#include "ostiary/link/connections.h"

#include <array>

#include <sys/socket.h>

#include "ostiary/base/record.h"

namespace ostiary::link {
namespace {

constexpr size_t max_error = 1024;

}  // namespace

Result<ConnectionPair> make_connection_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
    return std::unexpected(Error::system("socketpair", Exit::unavailable));
  return ConnectionPair{.gate = UniqueFd(ends[0]), .relay = UniqueFd(ends[1])};
}

std::string render(ConnectRequest request) {
  return RecordWriter().number(request.id).number(request.server).take();
}

std::optional<ConnectRequest> parse_connect_request(std::string_view octets) {
  RecordReader reader(octets);
  ConnectRequest request{.id = reader.number()};
  request.server = reader.number();
  return reader.complete() ? std::optional(request) : std::nullopt;
}

std::string render(const ConnectReply& reply) {
  return RecordWriter().number(reply.id).text(reply.error.substr(0, max_error)).take();
}

std::optional<ConnectReply> parse_connect_reply(std::string_view octets) {
  RecordReader reader(octets);
  ConnectReply reply{.id = reader.number()};
  reply.error = reader.text();
  return reader.complete() ? std::optional(std::move(reply)) : std::nullopt;
}

}  // namespace ostiary::link
