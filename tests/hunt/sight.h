// hunt/sight.h: what the judge sees of a packet.
// Pure, and no octet is believed: what does not parse has no ports.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "stage.h"

namespace ostiary::hunt {

struct Sight {
  Address source{};
  Address destination{};
  enum class Version : uint8_t { v4, v6 };
  Version version = Version::v4;  // an IPv6 packet may carry mapped addresses
  uint8_t protocol = 0;
  bool later_fragment = false;
  bool routing_header = false;
  bool source_route = false;
  uint8_t hop_limit = 0;
  uint16_t source_port = 0;
  uint16_t port = 0;
  uint8_t tcp_flags = 0;
  bool tcp_without_data = false;
  uint8_t icmp_type = 0;
  std::optional<uint64_t> seed;  // of the program whose payload is in it, anywhere
};

// An IP packet. Nothing: it is none.
std::optional<Sight> see(std::span<const uint8_t> packet);

}  // namespace ostiary::hunt
