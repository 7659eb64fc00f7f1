// dns/ttl.h: clamps a TTL to the limits.
#pragma once

#include <algorithm>
#include <chrono>

#include "ostiary/dns/limits.h"

namespace ostiary::dns {

constexpr std::chrono::seconds positive_ttl(std::chrono::seconds ttl) {
  return std::clamp(ttl, limits::ttl_min, limits::ttl_max);
}

constexpr std::chrono::seconds negative_ttl(std::chrono::seconds ttl) {
  return std::clamp(ttl, limits::ttl_min, limits::negative_ttl_max);
}

}  // namespace ostiary::dns
