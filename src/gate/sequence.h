// gate/sequence.h: places in a stream of TCP.
#pragma once

#include <cstdint>

namespace ostiary::gate {

// How far `sequence` is after `first`, in a stream of less than 2 GiB.
constexpr int64_t distance(uint32_t first, uint32_t sequence) {
  return static_cast<int32_t>(sequence - first);
}

}  // namespace ostiary::gate
