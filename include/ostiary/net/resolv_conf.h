// net/resolv_conf.h: reads a resolv.conf by the rules of resolv.conf(5).
// - A malformed line is skipped, and kept for a warning.
// - The last `search` or `domain` counts.
// - Values beyond the C library's limits are reduced to the limits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/inet/ip_address.h"

namespace ostiary::net {

namespace limits {
inline constexpr size_t nameservers = 8;  // the C library asks the first three
inline constexpr size_t search_domains = 32;
inline constexpr size_t passed_over_lines = 8;
inline constexpr unsigned ndots = 15;
inline constexpr unsigned timeout_seconds = 30;
inline constexpr unsigned attempts = 5;
}  // namespace limits

struct Nameserver {
  inet::IpAddress address;
  std::string zone;  // the interface of a link-local address, else empty
  bool operator==(const Nameserver&) const = default;
};

struct ResolvConf {
  std::vector<Nameserver> nameservers;
  std::vector<std::string> search;  // as written, without a trailing dot; "." is left out
  unsigned ndots = 1;
  unsigned timeout_seconds = 5;
  unsigned attempts = 2;
  std::vector<std::string> other_options;  // rotate, use-vc, edns0, …
  std::vector<std::string> passed_over;    // malformed lines
  // From a comment of Docker's: the servers that its resolver asks from within this network,
  // without those that it asks from the host's.
  std::vector<Nameserver> docker_external;
};

ResolvConf parse_resolv_conf(std::string_view text);

}  // namespace ostiary::net
