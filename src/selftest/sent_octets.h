// sent_octets.h: how many octets of IP this network namespace has sent, over every interface, loopback too.
// The kernel counts each packet after its output rules and before or after the postrouting ones: a packet
// that leaves moves the count; one that an output rule drops does not. Where the kernel does not tell,
// nothing is known.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ostiary::selftest {

struct SentOctets {
  uint64_t ipv4 = 0;
  uint64_t ipv6 = 0;

  bool operator==(const SentOctets&) const = default;
};

// Of /proc/net/netstat and /proc/net/snmp6. Pure.
std::optional<uint64_t> sent_over_ipv4(std::string_view netstat);
std::optional<uint64_t> sent_over_ipv6(std::string_view snmp6);

std::optional<SentOctets> read_sent_octets();

}  // namespace ostiary::selftest
