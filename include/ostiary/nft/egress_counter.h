// nft/egress_counter.h: counts the packets that come as far as leaving this machine and have to do with some
// addresses: packets to them, from them, or routed on to them by a header of their own.
// - Behind every chain of anybody's: what any rule dropped before is not counted, and what the kernel turned
//   elsewhere is counted under the address it was meant for.
// - In a table of its own, for as long as the object lives. Needs CAP_NET_ADMIN.
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
  // An IPv4 address in IPv6 packets, as in ::ffff:192.0.2.1, is not that address in IPv4 packets.
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

  // Of each address, in the order given; one that is given twice has the same count twice.
  Result<std::vector<uint64_t>> read() const;

 private:
  explicit EgressCounter(std::vector<Counted> addresses) : addresses_(std::move(addresses)) {}
  std::vector<Counted> addresses_;  // none: there is no table
};

}  // namespace ostiary::nft
