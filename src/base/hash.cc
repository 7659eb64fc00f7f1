#include "ostiary/base/hash.h"

#include <bit>
#include <cstddef>

namespace ostiary {
namespace {

struct State {
  uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1, v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0, v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1, v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2, v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }
  void absorb(uint64_t word) {
    v3 ^= word;
    round();
    v0 ^= word;
  }
};

// At most eight octets. The first is the least significant.
uint64_t little_endian(std::span<const uint8_t> octets) {
  uint64_t word = 0;
  for (size_t i = 0; i < octets.size(); ++i) word |= uint64_t{octets[i]} << (8 * i);
  return word;
}

}  // namespace

uint64_t hash(const HashKey& key, std::span<const uint8_t> octets) {
  State state{key.first ^ 0x736f6d6570736575, key.second ^ 0x646f72616e646f6d, key.first ^ 0x6c7967656e657261,
              key.second ^ 0x7465646279746573};
  const uint64_t length = octets.size();
  for (; octets.size() >= 8; octets = octets.subspan(8)) state.absorb(little_endian(octets.first<8>()));
  state.absorb(little_endian(octets) | length << 56);
  state.v2 ^= 0xff;
  for (int i = 0; i < 3; ++i) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

}  // namespace ostiary
