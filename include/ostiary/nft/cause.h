// nft/cause.h: why a packet was stopped. The rules log the cause as NFLOG's prefix, and the audit tells it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ostiary::nft {

enum class Cause : uint8_t {
  no_rule,  // the `denied` chain refused it
  // The source is not an address of this host, or it arrived on an interface that does not lead back to it.
  forged_source,
  wrong_interface,  // for this host, or from a loopback address, and about to leave
  inbound,          // a new flow from outside to a port that --allow-inbound does not name
  too_many_flows,   // the agent has too many flows at once
};
inline constexpr std::array causes{Cause::no_rule, Cause::forged_source, Cause::wrong_interface,
                                   Cause::inbound, Cause::too_many_flows};
static_assert(causes.size() == static_cast<size_t>(Cause::too_many_flows) + 1,
              "name every cause, the last one here");

// Empty for no_rule: most denials are of that kind.
constexpr std::string_view text(Cause cause) {
  switch (cause) {
    case Cause::no_rule:
      return "";
    case Cause::forged_source:
      return "forged-source";
    case Cause::wrong_interface:
      return "wrong-interface";
    case Cause::inbound:
      return "inbound";
    case Cause::too_many_flows:
      return "too-many-flows";
  }
  return "";
}

}  // namespace ostiary::nft
