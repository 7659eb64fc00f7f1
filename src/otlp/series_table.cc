#include "otlp/series_table.h"

#include <algorithm>
#include <cmath>

namespace ostiary::otlp {
namespace {

static_assert(sizeof(Series) + 2 * sizeof(Digest) + 8 * sizeof(void*) <= limits::series_octets);

size_t octets_of(const Amount& amount) {
  const auto* const histogram = std::get_if<Histogram>(&amount);
  if (histogram == nullptr) return limits::series_octets;
  return limits::series_octets + histogram->buckets.size() * sizeof(uint64_t) +
         histogram->bounds.size() * sizeof(double);
}

bool is_negative(const Amount& amount) {
  const auto* const integer = std::get_if<int64_t>(&amount);
  const auto* const real = std::get_if<double>(&amount);
  return (integer != nullptr && *integer < 0) || (real != nullptr && *real < 0);
}

double as_real(const Amount& number) {
  const auto* const integer = std::get_if<int64_t>(&number);
  return integer != nullptr ? static_cast<double>(*integer) : std::get<double>(number);
}

bool add_number(Amount& sum, const Amount& delta) {
  if (auto* const total = std::get_if<int64_t>(&sum); total != nullptr)
    if (const auto* const integer = std::get_if<int64_t>(&delta); integer != nullptr) {
      int64_t result = 0;
      if (!__builtin_add_overflow(*total, *integer, &result)) {
        *total = result;
        return true;
      }
    }
  const double result = as_real(sum) + as_real(delta);
  if (std::isfinite(result)) sum = result;
  return std::isfinite(result);
}

// Of two numbers that may be missing: without one of them, the result is unknown.
template <typename Combine>
void combine(std::optional<double>& into, const std::optional<double>& with, Combine how) {
  into = into && with ? std::optional(how(*into, *with)) : std::nullopt;
}

bool add_histogram(Histogram& sum, const Histogram& delta) {
  if (delta.count > UINT64_MAX - sum.count) return false;
  if (sum.sum && delta.sum && !std::isfinite(*sum.sum + *delta.sum)) return false;
  sum.count += delta.count;
  for (size_t i = 0; i < sum.buckets.size(); ++i) sum.buckets[i] += delta.buckets[i];
  combine(sum.sum, delta.sum, [](double a, double b) { return a + b; });
  combine(sum.min, delta.min, [](double a, double b) { return std::min(a, b); });
  combine(sum.max, delta.max, [](double a, double b) { return std::max(a, b); });
  return true;
}

bool add_up(Amount& sum, const Amount& delta) {
  auto* const histogram = std::get_if<Histogram>(&sum);
  return histogram != nullptr ? add_histogram(*histogram, std::get<Histogram>(delta))
                              : add_number(sum, delta);
}

bool have_one_form(const Amount& one, const Amount& other) {
  const auto* const first = std::get_if<Histogram>(&one);
  const auto* const second = std::get_if<Histogram>(&other);
  if (first == nullptr || second == nullptr) return first == second;
  return first->buckets.size() == second->buckets.size() && first->bounds == second->bounds;
}

}  // namespace

Series* SeriesTable::find(const Digest& of) {
  const auto found = series_.find(of);
  return found == series_.end() ? nullptr : &found->second;
}

void SeriesTable::add(const Digest& of, const std::optional<Amount>& delta, Direction direction) {
  if (!delta || (direction == Direction::up && is_negative(*delta))) return leave_out();
  if (const auto found = series_.find(of); found != series_.end()) {
    Series& series = found->second;
    if (have_one_form(series.sum, *delta)) {
      if (!add_up(series.sum, *delta)) return leave_out();
      series.added = request_;
      return by_age_.splice(by_age_.end(), by_age_, series.age);
    }
    remove(found);
  }
  if (!make_room(octets_of(*delta))) return leave_out();
  insert(of, *delta);
}

// Without the series that this request has added to.
bool SeriesTable::make_room(size_t octets) {
  while (series_.size() >= bounds_.series || octets_ + octets > bounds_.octets) {
    if (by_age_.empty()) return false;
    const auto oldest = series_.find(by_age_.front());
    if (oldest->second.added == request_) return false;
    remove(oldest);
    ++lost_.series;
  }
  return true;
}

void SeriesTable::remove(Index::iterator series) {
  earliest_ = std::max(earliest_, series->second.time);
  octets_ -= octets_of(series->second.sum);
  by_age_.erase(series->second.age);
  series_.erase(series);
}

void SeriesTable::insert(const Digest& of, const Amount& amount) {
  octets_ += octets_of(amount);
  series_.emplace(of, Series{.sum = amount,
                             .start = std::min(earliest_, now_),
                             .time = earliest_,
                             .added = request_,
                             .age = by_age_.insert(by_age_.end(), of)});
}

}  // namespace ostiary::otlp
