// otlp/series_table.h: the sums of series, within bounds.
// - A series that had a delta in the request at hand is not forgotten for another one of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <map>

#include "ostiary/otlp/cumulative.h"
#include "otlp/metric.h"

namespace ostiary::otlp {

// Stands for the octets that it was made of.
struct Digest {
  uint64_t first = 0;
  uint64_t second = 0;

  auto operator<=>(const Digest&) const = default;
};

enum class Direction : uint8_t { up_and_down, up };

struct Series {
  Amount sum;
  uint64_t start = 0;
  uint64_t time = 0;     // of its last point
  uint64_t added = 0;    // the request that had its last delta
  uint64_t written = 0;  // the request that was answered with its last point
  std::list<Digest>::iterator age = {};
};

class SeriesTable {
 public:
  SeriesTable(uint64_t start, const Cumulative::Bounds& bounds)
      : bounds_(bounds), now_(start), earliest_(start) {}
  SeriesTable(const SeriesTable&) = delete;
  SeriesTable& operator=(const SeriesTable&) = delete;
  ~SeriesTable() = default;

  void begin_request(uint64_t now) {
    ++request_;
    now_ = std::max(now_, now);
  }
  uint64_t request() const { return request_; }
  // It does not go back when the clock does.
  uint64_t now() const { return now_; }
  // Nothing changes if the delta is of no use.
  void add(const Digest& of, const std::optional<Amount>& delta, Direction direction);
  // nullptr if there is none.
  Series* find(const Digest& of);
  void leave_out() { ++lost_.points; }

  size_t size() const { return series_.size(); }
  const Cumulative::Lost& lost() const { return lost_; }

 private:
  using Index = std::map<Digest, Series>;

  bool make_room(size_t octets);
  void remove(Index::iterator series);
  void insert(const Digest& of, const Amount& amount);

  Cumulative::Bounds bounds_;
  uint64_t now_;
  uint64_t earliest_;  // before the points of a new series: not before the last one of a removed series
  uint64_t request_ = 0;
  Index series_;
  std::list<Digest> by_age_;  // the series that waits longest for a delta first
  size_t octets_ = 0;
  Cumulative::Lost lost_;
};

}  // namespace ostiary::otlp
