#include "plan_host.h"

#include <algorithm>

namespace ostiary::gate {
namespace {

constexpr size_t longest_list = 4;

// "a, b, c, d and 3 more"
template <typename Range, typename Text>
std::string list(const Range& items, Text text) {
  std::string listed;
  for (size_t i = 0; i < std::min(items.size(), longest_list); ++i)
    listed += (i == 0 ? "" : ", ") + text(items[i]);
  if (items.size() > longest_list) listed += " and " + std::to_string(items.size() - longest_list) + " more";
  return listed;
}

std::string_view address_of(std::span<const dns::RecordType> types) {
  if (types.size() != 1) return "address";
  return types.front() == dns::RecordType::a ? "IPv4 address" : "IPv6 address";
}

}  // namespace

void PlanHost::take(const Resolution& resolution) {
  --waiting_;
  if (resolution.kind == Resolution::Kind::withheld)
    withheld_.insert(withheld_.end(), resolution.addresses.begin(), resolution.addresses.end());
  if (resolution.kind == Resolution::Kind::failed) failure_ = resolution.failure;
  best_ = std::max(best_, resolution.kind);
}

std::string PlanHost::reason(const PlanTerms& terms) const {
  if (terms.types.empty()) return "did not resolve (no route leads out of this network)";
  const std::string servers =
      list(terms.servers, [](const upstream::Server& server) { return text(server); });
  if (best_ == Resolution::Kind::withheld)
    return "has private addresses only (" +
           list(withheld_, [](const inet::IpAddress& address) { return address.text(); }) +
           "), which its rule does not open";
  if (best_ == Resolution::Kind::failed) return "did not resolve (" + servers + ": " + failure_ + ")";
  if (waits())
    return "did not resolve (" + servers + ": no answer within " + std::to_string(terms.timeout.count()) +
           " s)";
  if (best_ == Resolution::Kind::no_such_name) return "does not exist (" + servers + ": NXDOMAIN)";
  return "has no " + std::string(address_of(terms.types)) + " (" + servers + ": NODATA)";
}

Message PlanHost::unopened(const PlanTerms& terms) const {
  const bool withheld = best_ == Resolution::Kind::withheld && !terms.types.empty();
  return {.kind = withheld ? Message::Kind::withheld : Message::Kind::unresolved,
          .text = name_.text(),
          .reason = reason(terms)};
}

}  // namespace ostiary::gate
