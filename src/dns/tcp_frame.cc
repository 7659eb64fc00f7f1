#include "ostiary/dns/tcp_frame.h"

#include <algorithm>

#include "ostiary/dns/cursor.h"
#include "ostiary/dns/limits.h"

namespace ostiary::dns {
namespace {

constexpr size_t prefix_octets = 2;

size_t message_size(std::span<const uint8_t> octets) {
  return Reader(octets).u16();
}

std::optional<FrameFault> check(size_t size) {
  if (size == 0) return FrameFault::empty;
  if (size > limits::tcp_query_octets) return FrameFault::too_long;
  return std::nullopt;
}

std::span<const uint8_t> take(std::span<const uint8_t>& input, size_t size) {
  const auto taken = input.first(size);
  input = input.subspan(size);
  return taken;
}

}  // namespace

// Moves octets from the input to pending_ until it has `size` octets or the input ends.
void TcpFrames::keep(std::span<const uint8_t>& input, size_t size) {
  const auto taken = take(input, std::min(input.size(), size - std::min(size, pending_.size())));
  pending_.insert(pending_.end(), taken.begin(), taken.end());
}

Frame TcpFrames::next(std::span<const uint8_t>& input) {
  if (fault_) return *fault_;
  if (delivered_) pending_.clear();
  delivered_ = false;

  if (pending_.empty() && input.size() >= prefix_octets) {
    const size_t size = message_size(input);
    fault_ = check(size);
    if (fault_) return *fault_;
    if (input.size() - prefix_octets >= size) {
      take(input, prefix_octets);
      return take(input, size);
    }
  }
  keep(input, prefix_octets);
  if (pending_.size() < prefix_octets) return NeedMore{};
  const size_t size = message_size(pending_);
  fault_ = check(size);
  if (fault_) return *fault_;
  keep(input, prefix_octets + size);
  if (pending_.size() < prefix_octets + size) return NeedMore{};
  delivered_ = true;
  return std::span<const uint8_t>(pending_).subspan(prefix_octets);
}

std::string_view text(FrameFault fault) {
  return fault == FrameFault::empty ? "a message is empty" : "a message is longer than 4096 octets";
}

}  // namespace ostiary::dns
