#include "ostiary/link/connections.h"

#include <utility>

#include "datagram_pair.h"
#include "ostiary/base/record.h"

namespace ostiary::link {
namespace {

constexpr size_t max_error = 1024;

}  // namespace

Result<ConnectionPair> make_connection_pair() {
  auto [gate, relay] = TRY(make_datagram_pair());
  return ConnectionPair{.gate = std::move(gate), .relay = std::move(relay)};
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
