// The networks of two rules are nested or disjoint, so each rule is reduced by the ports that wider
// rules permit.

#include <algorithm>
#include <map>
#include <tuple>

#include "ostiary/inet/prefix.h"
#include "ostiary/nft/ruleset.h"

namespace ostiary::nft {
namespace {

struct Ports {
  uint32_t first = 0;
  uint32_t last = 0;
};

using Key = std::tuple<inet::IpAddress, uint8_t, uint8_t>;  // network, prefix, protocol
using Permitted = std::map<Key, std::vector<Ports>>;

// `pieces` without the ports of `hole`.
std::vector<Ports> cut(const std::vector<Ports>& pieces, Ports hole) {
  std::vector<Ports> left;
  for (const Ports& piece : pieces) {
    if (hole.last < piece.first || hole.first > piece.last) {
      left.push_back(piece);
      continue;
    }
    if (piece.first < hole.first) left.push_back({piece.first, hole.first - 1});
    if (piece.last > hole.last) left.push_back({hole.last + 1, piece.last});
  }
  return left;
}

std::vector<Ports> not_yet_permitted(const AddressRule& rule, const Permitted& permitted) {
  std::vector<Ports> pieces{{rule.first_port, rule.last_port}};
  for (unsigned bits = 0; bits <= rule.prefix_length && !pieces.empty(); ++bits) {
    const auto around = inet::Prefix::around(rule.network, static_cast<uint8_t>(bits));
    const auto wider = permitted.find({around.network(), around.length(), rule.protocol});
    if (wider == permitted.end()) continue;
    for (const Ports& ports : wider->second) pieces = cut(pieces, ports);
  }
  return pieces;
}

}  // namespace

std::vector<AddressRule> without_overlaps(std::vector<AddressRule> rules) {
  for (AddressRule& rule : rules) {
    const auto bits = static_cast<uint8_t>(rule.network.octets().size() * 8);
    rule.prefix_length = std::min(rule.prefix_length, bits);
    rule.network = inet::Prefix::around(rule.network, rule.prefix_length).network();
  }
  std::ranges::sort(rules, {}, [](const AddressRule& rule) {
    return std::tuple(rule.prefix_length, rule.network, rule.protocol, rule.first_port, rule.last_port);
  });
  Permitted permitted;
  std::vector<AddressRule> disjoint;
  for (const AddressRule& rule : rules) {
    if (rule.first_port > rule.last_port) continue;
    auto& known = permitted[{rule.network, rule.prefix_length, rule.protocol}];
    for (const Ports& ports : not_yet_permitted(rule, permitted)) {
      known.push_back(ports);
      disjoint.push_back({rule.network, rule.prefix_length, rule.protocol, static_cast<uint16_t>(ports.first),
                          static_cast<uint16_t>(ports.last)});
    }
  }
  return disjoint;
}

}  // namespace ostiary::nft
