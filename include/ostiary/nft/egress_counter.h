// nft/egress_counter.h: counts the packets that are about to leave this machine and involve given
// addresses.
// - A packet involves an address if it goes to the address, comes from it, was first meant for it,
//   or names it as the last stop of a source route.
// - The counters come after the chains of every other table. A packet that another rule dropped is
//   not counted. A packet that NAT redirected is counted under its first destination.
// - The counters are in a table of their own, which exists as long as the object. Requires
//   CAP_NET_ADMIN.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/inet/ip_address.h"

namespace ostiary::nft {

inline constexpr const char* egress_counter_table = "ostiary_self_test";

struct Counted {
  // `mapped`: the IPv4 address in IPv6 packets, as ::ffff:192.0.2.1. It is counted apart from the
  // same address in IPv4 packets.
  enum class Form : uint8_t { plain, mapped };
  inet::IpAddress address;
  Form form = Form::plain;

  bool operator==(const Counted&) const = default;
};

class EgressCounter {
 public:
  static Result<EgressCounter> begin(std::span<const Counted> addresses);
  EgressCounter(EgressCounter&& other) noexcept;
  EgressCounter& operator=(EgressCounter&&) = delete;
  ~EgressCounter();

  // One count for each address, in the given order. Equal addresses have equal counts.
  Result<std::vector<uint64_t>> read() const;

 private:
  explicit EgressCounter(std::vector<Counted> addresses) : addresses_(std::move(addresses)) {}
  std::vector<Counted> addresses_;  // empty: there is no table
};

}  // namespace ostiary::nft
