#include "ostiary/inet/port_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "ostiary/base/text.h"
#include "ostiary/inet/destination.h"

namespace ostiary::inet {
namespace {

Result<PortRange> parse_range(std::string_view text) {
  const size_t dash = text.find('-');
  const uint16_t first = TRY(parse_port(text.substr(0, dash)));
  if (dash == std::string_view::npos) return PortRange{first, first};
  const uint16_t last = TRY(parse_port(text.substr(dash + 1)));
  if (last < first) return fail(Exit::configuration, "is a range whose end comes before its start");
  return PortRange{first, last};
}

}  // namespace

Result<PortSet> PortSet::parse(std::string_view text) {
  PortSet ports;
  for (const std::string_view range : split(text, ',')) ports.add(TRY(parse_range(range)));
  return ports;
}

void PortSet::add(PortRange range) {
  const auto touches = [&](const PortRange& other) {
    return uint32_t{other.first} <= range.last + 1U && uint32_t{range.first} <= other.last + 1U;
  };
  // The new range may touch several old ones. Each round merges one of them and erases it.
  for (auto other = ranges_.begin(); (other = std::ranges::find_if(ranges_, touches)) != ranges_.end();
       ranges_.erase(other))
    range = {std::min(range.first, other->first), std::max(range.last, other->last)};
  ranges_.insert(std::ranges::upper_bound(ranges_, range), range);
}

void PortSet::add(const PortSet& other) {
  for (const PortRange range : other.ranges_) add(range);
}

void PortSet::remove(PortRange range) {
  std::vector<PortRange> rest;
  for (const auto [first, last] : ranges_) {
    // Neither sum leaves uint16_t: the ports compared first are below and above the range.
    if (first < range.first) rest.push_back({first, std::min(last, static_cast<uint16_t>(range.first - 1))});
    if (last > range.last) rest.push_back({std::max(first, static_cast<uint16_t>(range.last + 1)), last});
  }
  ranges_ = std::move(rest);
}

bool PortSet::contains(uint32_t port) const {
  const auto after = std::ranges::upper_bound(ranges_, port, {}, &PortRange::first);
  return after != ranges_.begin() && port <= std::prev(after)->last;
}

std::string PortSet::text() const {
  std::string text;
  for (const auto [first, last] : ranges_) {
    if (!text.empty()) text += ',';
    text += std::to_string(first);
    if (first != last) text += '-' + std::to_string(last);
  }
  return text;
}

}  // namespace ostiary::inet
