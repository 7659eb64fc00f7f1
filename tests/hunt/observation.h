// hunt/observation.h: parses a packet into the fields that the judge needs.
// Pure. Does not trust any octet: a packet that does not parse has no ports.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "stage.h"

namespace ostiary::hunt {

struct Observation {
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
  uint32_t sequence = 0;            // of TCP
  std::span<const uint8_t> data{};  // of TCP; a part of the packet
  uint8_t icmp_type = 0;
  std::optional<uint64_t> seed;  // of the program whose payload the packet contains, anywhere
};

// Nothing if this is not an IP packet.
std::optional<Observation> observe(std::span<const uint8_t> packet);

// The seed of the program that sent these octets, if they contain it.
std::optional<uint64_t> seed_in(std::span<const uint8_t> octets);

}  // namespace ostiary::hunt
