// dns/tcp_frame.h: splits a TCP stream into messages (RFC 1035, 4.2.2; pipelining: RFC 7766).
// - Memory is limited to one message of limits::tcp_query_octets. While messages arrive whole, no
//   memory is allocated.
// - A malformed stream stays malformed. The caller must close the connection.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace ostiary::dns {

struct NeedMore {};
enum class FrameFault : uint8_t { empty, too_long };
std::string_view text(FrameFault fault);

using Frame = std::variant<std::span<const uint8_t>, NeedMore, FrameFault>;

class TcpFrames {
 public:
  // Returns the next message and removes the consumed octets from the front of `input`. Call again
  // with the rest until NeedMore, which leaves the rest empty. The message is valid until the next
  // call, and only while the octets of `input` are.
  Frame next(std::span<const uint8_t>& input);

  // Whether a message has begun but has not ended. The caller uses it to choose the timeout.
  bool within_message() const { return !delivered_ && !pending_.empty(); }

 private:
  void keep(std::span<const uint8_t>& input, size_t size);

  std::vector<uint8_t> pending_;  // an incomplete message, with its length in front
  bool delivered_ = false;        // pending_ holds the message that next() returned last
  std::optional<FrameFault> fault_;
};

}  // namespace ostiary::dns
