// policy/name_hash.h: hashes a name and all its suffixes in one pass from the right.
// The hash needs no secret key. The agent chooses the names to look up, but only the policy's names
// are in the table, so the agent cannot make its probe chains longer.
#pragma once

#include <cstdint>
#include <string_view>

namespace ostiary::policy {

// One table holds the names and the suffixes of wildcards, with different seeds.
inline constexpr uint64_t exact_seed = 0x13198a2e03707344;
inline constexpr uint64_t wildcard_seed = 0xa4093822299f31d0;

class NameHash {
 public:
  void add(char c) { state_ = (state_ ^ static_cast<unsigned char>(c)) * multiplier; }
  // The hash of the characters added so far.
  uint64_t value(uint64_t seed) const {
    uint64_t mixed = (state_ ^ seed) * mixer;
    mixed ^= mixed >> 32U;
    return mixed * mixer;
  }

 private:
  static constexpr uint64_t multiplier = 0x9e3779b97f4a7c15;
  static constexpr uint64_t mixer = 0xd6e8feb86659fd93;
  uint64_t state_ = 0x243f6a8885a308d3;
};

inline NameHash hash_of(std::string_view name) {
  NameHash hash;
  for (size_t i = name.size(); i-- > 0;) hash.add(name[i]);
  return hash;
}

}  // namespace ostiary::policy
