// selftest/sent_octets.h: how many octets of IP this network namespace has sent, over every
// interface, loopback included.
// The kernel counts a packet after its output rules, and before or after the postrouting rules. So
// a packet that leaves moves the count, and one that an output rule drops does not. The functions
// return nothing if the kernel does not report the counts.
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

// From the text of /proc/net/netstat and /proc/net/snmp6. Pure.
std::optional<uint64_t> sent_over_ipv4(std::string_view netstat);
std::optional<uint64_t> sent_over_ipv6(std::string_view snmp6);

std::optional<SentOctets> read_sent_octets();

}  // namespace ostiary::selftest
