// base/hash.h: SipHash-1-3 with a secret key.
// The agent chooses what is hashed. Without the key it cannot choose octets that collide.
#pragma once

#include <cstdint>
#include <span>

namespace ostiary {

// Random for each process.
struct HashKey {
  uint64_t first = 0;
  uint64_t second = 0;
};

uint64_t hash(const HashKey& key, std::span<const uint8_t> octets);

}  // namespace ostiary
