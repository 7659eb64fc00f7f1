// inet/prefix.h: a network: an address and the number of its leading bits that matter.
// All other bits of the address are zero.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ostiary/inet/ip_address.h"

namespace ostiary::inet {

class Prefix {
 public:
  // Reads "10.1.2.0/24" or "2001:db8::/32". An address without a length is a network of one
  // address.
  static Result<Prefix> parse(std::string_view text);
  static Prefix single(const IpAddress& address);
  // The network of that length that contains the address. Requires a valid length for the family.
  static Prefix around(const IpAddress& address, uint8_t length);

  const IpAddress& network() const { return network_; }
  uint8_t length() const { return length_; }
  bool contains(const IpAddress& address) const;
  // The lower and the upper half. Requires a network of more than one address.
  std::pair<Prefix, Prefix> halves() const;
  std::string text() const;
  auto operator<=>(const Prefix&) const = default;

 private:
  Prefix(const IpAddress& network, uint8_t length) : network_(network), length_(length) {}
  IpAddress network_;
  uint8_t length_;
};

// The network minus these addresses, as the smallest number of networks, lowest first.
std::vector<Prefix> without(const Prefix& network, std::span<const IpAddress> addresses);

}  // namespace ostiary::inet
