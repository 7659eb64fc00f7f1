// otlp/cumulative.h: makes of metrics that arrive as deltas the sums since a start, over all their
// senders.
// - A series is what has the same resource, scope, metric (name, unit, kind) and attributes, in any order.
// - Sums and histograms with explicit buckets are added up, and a series has one point in the result. What
//   is cumulative already, a gauge or a summary passes unchanged. An exponential histogram with deltas is
//   left out.
// - The times are the caller's; a clock that steps back stands still here. Those of a series only grow, by a
//   millisecond at least: databases that count in milliseconds refuse a second value for the same one. A
//   point that would so be more than limits::ahead in the future is left out: the next one has its sum.
// - The series without a delta for the longest time is forgotten if there are too many. When it comes
//   back, its sum begins at zero. Its points are after its earlier ones, and so is its start, unless
//   that would be in the future: then it starts at present.
// - Left out: a delta without a number; a negative delta of a counter; buckets that do not fit their
//   count. A sum of integers that would overflow goes on in floating point. A histogram with other bounds
//   begins anew.
// - Of the senders' texts, only keyed hashes are kept.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ostiary/base/hash.h"

namespace ostiary::otlp {

namespace limits {
// A busy session has about a hundred.
inline constexpr size_t series = 10'000;
// Of one series of numbers, with what it takes in the index.
inline constexpr size_t series_octets = 256;
inline constexpr size_t sums_octets = size_t{16} << 20U;
static_assert(series * series_octets <= sums_octets);
// Of a resource, a scope or a point, so that the work for a request stays in proportion to its length.
inline constexpr size_t attributes = 256;
// Of a request: its resources, scopes, metrics and points together, and the attributes of all of them. An empty one
// takes two octets, but much work. Claude Code sends hundreds of points.
inline constexpr size_t request_parts = 20'000;
inline constexpr size_t request_attributes = 100'000;
// In nanoseconds.
inline constexpr uint64_t ahead = 1'000'000'000;
}  // namespace limits

class SeriesTable;

class Cumulative {
 public:
  // Secret and random, so that a sender cannot make two series one.
  struct Keys {
    HashKey first;
    HashKey second;
  };
  struct Bounds {
    size_t series = limits::series;
    size_t octets = limits::sums_octets;
  };
  // What was lost, since the beginning.
  struct Lost {
    uint64_t points = 0;  // left out
    uint64_t series = 0;  // forgotten

    bool operator==(const Lost&) const = default;
  };

  // Times are in nanoseconds since 1970.
  Cumulative(const Keys& keys, uint64_t start) : Cumulative(keys, start, Bounds()) {}
  Cumulative(const Keys& keys, uint64_t start, const Bounds& bounds);
  Cumulative(Cumulative&&) noexcept;
  Cumulative& operator=(Cumulative&&) noexcept;
  ~Cumulative();

  // `request` is an ExportMetricsServiceRequest. Nothing if it is malformed or has too many parts: then nothing was
  // added up.
  std::optional<std::string> applied_to(std::string_view request, uint64_t now);
  // Of a result that waited while later ones were sent: with the sums at present, and the time. If no point may be
  // written, it stays as it is.
  std::string renewed(std::string_view result, uint64_t now);

  size_t series() const;
  Lost lost() const;

 private:
  Keys keys_;
  std::unique_ptr<SeriesTable> table_;
};

}  // namespace ostiary::otlp
