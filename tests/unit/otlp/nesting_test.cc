#include "ostiary/otlp/nesting.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "messages.h"

using namespace ostiary::otlp;
using namespace ostiary::otlp::testing;

namespace {

// A value of so many levels, as a list of a list …, or as attributes of attributes ….
std::string lists(size_t levels) {
  std::string value = field(1, "x");
  for (size_t level = 1; level + 2 <= levels; level += 2) value = field(5, field(1, value));
  return value;
}
std::string maps(size_t levels) {
  std::string value = field(1, "x");
  for (size_t level = 1; level + 3 <= levels; level += 3)
    value = field(6, field(1, field(1, "k") + field(2, value)));
  return value;
}

// The value inside messages, from the outermost field to the innermost.
std::string inside(const std::vector<Tag>& path, std::string value) {
  for (auto tag = path.rbegin(); tag != path.rend(); ++tag) value = field(*tag, value);
  return value;
}

struct Place {
  ItemKind items;
  std::vector<Tag> path;
};
const std::vector<Place> places{
    {ItemKind::spans, {1, 1, 1, 2}},
    {ItemKind::metrics, {1, 1, 1, 2}},
    {ItemKind::log_records, {1, 1, 1, 2}},
    {ItemKind::spans, {1, 2, 1, 3, 2}},
    {ItemKind::metrics, {1, 2, 1, 3, 2}},
    {ItemKind::log_records, {1, 2, 1, 3, 2}},
    {ItemKind::spans, {1, 2, 2, 9, 2}},
    {ItemKind::spans, {1, 2, 2, 11, 3, 2}},
    {ItemKind::spans, {1, 2, 2, 13, 4, 2}},
    {ItemKind::log_records, {1, 2, 2, 5}},
    {ItemKind::log_records, {1, 2, 2, 6, 2}},
    {ItemKind::metrics, {1, 2, 2, 12, 2}},
    {ItemKind::metrics, {1, 2, 2, 5, 1, 7, 2}},
    {ItemKind::metrics, {1, 2, 2, 5, 1, 5, 7, 2}},
    {ItemKind::metrics, {1, 2, 2, 7, 1, 7, 2}},
    {ItemKind::metrics, {1, 2, 2, 7, 1, 5, 7, 2}},
    {ItemKind::metrics, {1, 2, 2, 9, 1, 9, 2}},
    {ItemKind::metrics, {1, 2, 2, 9, 1, 8, 7, 2}},
    {ItemKind::metrics, {1, 2, 2, 10, 1, 1, 2}},
    {ItemKind::metrics, {1, 2, 2, 10, 1, 11, 7, 2}},
    {ItemKind::metrics, {1, 2, 2, 11, 1, 7, 2}},
};

}  // namespace

TEST_SUITE("otlp/nesting") {
  TEST_CASE("a value is deep wherever it stands") {
    for (const Place& each : places) {
      const size_t outside = each.path.size();
      CHECK(is_within_levels(inside(each.path, lists(9)), each.items));
      CHECK(is_within_levels(inside(each.path, maps(10)), each.items));
      for (size_t levels = 1; levels < 2 * limits::levels; levels += 2) {
        CAPTURE(outside);
        CAPTURE(levels);
        CHECK(is_within_levels(inside(each.path, lists(levels)), each.items) ==
              (outside + levels <= limits::levels));
      }
      CHECK_FALSE(is_within_levels(inside(each.path, maps(100)), each.items));
    }
  }

  TEST_CASE("a deep value is found behind flat ones") {
    const std::string flat = inside({1, 2, 2, 6, 2}, field(1, std::string(1000, 'x')));
    CHECK(is_within_levels(flat + flat, ItemKind::log_records));
    CHECK_FALSE(is_within_levels(flat + inside({1, 2, 2, 6, 2}, lists(99)), ItemKind::log_records));
    const std::string both = field(5, field(1, field(1, "x")) + field(1, lists(99)));
    CHECK_FALSE(is_within_levels(inside({1, 2, 2, 6, 2}, both), ItemKind::log_records));
  }

  TEST_CASE("a text that looks deep is flat") {
    CHECK(is_within_levels(inside({1, 2, 2, 6, 2}, field(1, lists(99))), ItemKind::log_records));
    CHECK(is_within_levels(inside({1, 2, 2, 6, 1}, lists(99)), ItemKind::log_records));
    CHECK(is_within_levels(inside({1, 2, 2, 3}, lists(99)), ItemKind::log_records));
  }

  TEST_CASE("many levels do not exhaust our own stack") {
    std::string value = field(1, "x");
    while (value.size() < 200'000) value = field(5, field(1, value));
    CHECK_FALSE(is_within_levels(inside({1, 2, 2, 6, 2}, value), ItemKind::log_records));
  }

  TEST_CASE("malformed octets that could hide a value are not flat") {
    const std::string deep = inside({1, 2, 2, 6, 2}, lists(99));
    CHECK_FALSE(is_within_levels(deep.substr(0, deep.size() - 1), ItemKind::log_records));
    CHECK_FALSE(is_within_levels(inside({1, 2, 2, 6, 2}, std::string(100, '\xff')), ItemKind::log_records));
  }
}
