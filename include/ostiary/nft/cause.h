// nft/cause.h: why the rules stopped a packet. The rules log the cause as NFLOG's prefix, and the
// audit reports it as `why`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ostiary::nft {

enum class Cause : uint8_t {
  no_rule,  // no rule accepted it: the `denied` chain refused it
  // The source is not an address of this host, or the route back to the source does not lead
  // through the interface that the packet arrived on.
  forged_source,
  // The `stray` chain: the packet would leave through an interface that contradicts its addresses,
  // or it has no owner and carries a source route.
  wrong_interface,
  inbound,         // a new flow from outside to a port that --allow-inbound does not name
  too_many_flows,  // the agent has too many flows, or opens connections too fast
};
inline constexpr std::array causes{Cause::no_rule, Cause::forged_source, Cause::wrong_interface,
                                   Cause::inbound, Cause::too_many_flows};
static_assert(causes.size() == static_cast<size_t>(Cause::too_many_flows) + 1,
              "list every cause, and name the last one here");

// Empty for no_rule, the most common cause.
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
