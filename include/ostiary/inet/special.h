// inet/special.h: classifies addresses: the public internet, or a kind of special network.
// - An allowed name can resolve to a special address, such as a metadata service or a neighbour.
//   The gate removes special addresses from answers unless a rule permits them.
// - The documentation networks (192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24, 2001:db8::/32,
//   3fff::/20) count as public. No host is ever there, and examples and tests use them for hosts on
//   the internet.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "ostiary/inet/destination.h"
#include "ostiary/inet/ip_address.h"

namespace ostiary::inet {

enum class AddressClass : uint8_t {
  unspecified,      // 0.0.0.0/8, ::
  loopback,         // 127.0.0.0/8, ::1
  metadata,         // a cloud's metadata or credentials service
  link_local,       // 169.254.0.0/16, fe80::/10
  private_network,  // RFC 1918, fec0::/10
  unique_local,     // fc00::/7
  fly_private,      // fdaa::/16, Fly's 6PN
  carrier_nat,      // 100.64.0.0/10
  multicast,        // 224.0.0.0/4, ff00::/8
  broadcast,        // 255.255.255.255
  benchmarking,     // 198.18.0.0/15, 2001:2::/48
  translation,      // IPv4 inside IPv6: ::/96, 2002::/16, Teredo, 64:ff9b:1::/48, 6to4 relays
  reserved,         // all other networks that are not assigned to hosts on the internet
  public_internet,
};

// An address in 64:ff9b::/96 (NAT64) has the class of the IPv4 address inside it.
AddressClass classify(const IpAddress& address);
// The address of every metadata service. Each IPv4 address is listed also in its NAT64 form.
std::span<const IpAddress> metadata_services();

// 127.0.0.0/8, ::1, and the names "localhost" and below.
bool is_loopback(const Host& host);

}  // namespace ostiary::inet
