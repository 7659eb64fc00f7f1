// inet/port_set.h: a set of ports, kept as sorted ranges that neither overlap nor touch.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"

namespace ostiary::inet {

// Both ends are included, and first <= last.
struct PortRange {
  uint16_t first;
  uint16_t last;
  bool contains(uint32_t port) const { return first <= port && port <= last; }
  auto operator<=>(const PortRange&) const = default;
};

class PortSet {
 public:
  PortSet() = default;
  explicit PortSet(uint16_t port) : ranges_{{port, port}} {}

  // Reads "443", "22,443" or "8000-8010,443". Requires at least one port.
  static Result<PortSet> parse(std::string_view text);

  void add(PortRange range);
  void add(const PortSet& other);
  void remove(PortRange range);
  bool empty() const { return ranges_.empty(); }
  bool contains(uint32_t port) const;
  std::span<const PortRange> ranges() const { return ranges_; }
  std::string text() const;
  auto operator<=>(const PortSet&) const = default;

 private:
  std::vector<PortRange> ranges_;
};

}  // namespace ostiary::inet
