// inet/ip_address.h: an IPv4 or IPv6 address.
// - The text form is strict: four decimal octets, or RFC 4291 text without a zone.
// - An IPv4-mapped IPv6 address becomes an IPv4 address.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "ostiary/base/result.h"

namespace ostiary::inet {

enum class Family : uint8_t { ipv4 = 4, ipv6 = 6 };

class IpAddress {
 public:
  static Result<IpAddress> parse(std::string_view text);
  static IpAddress v4(std::array<uint8_t, 4> octets);
  static IpAddress v6(std::array<uint8_t, 16> octets);
  static IpAddress loopback(Family family);  // 127.0.0.1 or ::1

  Family family() const { return family_; }
  // 4 or 16 octets in network order.
  std::span<const uint8_t> octets() const {
    return std::span(octets_).first(family_ == Family::ipv4 ? 4U : 16U);
  }
  std::string text() const;
  auto operator<=>(const IpAddress&) const = default;

 private:
  Family family_ = Family::ipv4;
  std::array<uint8_t, 16> octets_{};
};

}  // namespace ostiary::inet
