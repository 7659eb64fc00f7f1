// dns/tcp_frame.h: takes a TCP client's octets apart into messages (RFC 1035, 4.2.2; RFC 7766 pipelining).
// Memory is bounded by one message of limits::tcp_query_octets, and none is taken while messages arrive
// whole. A malformed stream stays malformed: the connection is to be closed.
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
  // The next message, valid until the next call and as long as `input`'s octets. Takes from the front of
  // `input` what it uses: call again with what is left until NeedMore, which leaves nothing.
  Frame next(std::span<const uint8_t>& input);

  // Whether a message has begun and not ended: what a time-out asks.
  bool within_message() const { return !delivered_ && !pending_.empty(); }

 private:
  void keep(std::span<const uint8_t>& input, size_t size);

  std::vector<uint8_t> pending_;  // a message that has not arrived whole, its length before it
  bool delivered_ = false;        // pending_ is the message given last
  std::optional<FrameFault> fault_;
};

}  // namespace ostiary::dns
