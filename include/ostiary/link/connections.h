// link/connections.h: how the relay gets its connections. It cannot make any, and the gate holds no
// credential: so the gate connects, and passes the connected socket.
// - The relay names a server by its place in a list that both have from the keeper. It can ask for no
//   other.
// - Each message is one datagram of a pair of sockets that outlives both processes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::link {

struct ConnectionPair {
  UniqueFd gate;
  UniqueFd relay;
};
Result<ConnectionPair> make_connection_pair();

struct ConnectRequest {
  uint32_t id = 0;  // chosen by the relay
  uint32_t server = 0;
};
std::string render(ConnectRequest request);
std::optional<ConnectRequest> parse_connect_request(std::string_view octets);

// A connected socket comes with an empty error.
struct ConnectReply {
  uint32_t id = 0;
  std::string error = {};
};
std::string render(const ConnectReply& reply);
std::optional<ConnectReply> parse_connect_reply(std::string_view octets);

namespace limits {
// More than the requests that the relay forwards at a time, so that telemetry has a place among them.
inline constexpr size_t connects_at_once = 160;
}  // namespace limits

}  // namespace ostiary::link
