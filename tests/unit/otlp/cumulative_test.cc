#include "ostiary/otlp/cumulative.h"

#include <cmath>
#include <limits>
#include <map>
#include <random>

#include <doctest/doctest.h>

#include "metrics.h"

using namespace ostiary::otlp;
using namespace ostiary::otlp::testing;

namespace {

constexpr uint64_t millisecond = 1'000'000;
constexpr uint64_t start = 1000 * millisecond;
const Cumulative::Keys keys{.first = {1, 2}, .second = {3, 4}};

Cumulative sums(Cumulative::Bounds bounds = {}) {
  return {keys, start, bounds};
}

// "tokens{type=in}=5, cost{}=0.5", and the temporality of those that are not cumulative.
std::string said(std::string_view request) {
  std::string all;
  for (const SeenPoint& each : points_of(request))
    all += (all.empty() ? "" : ", ") + each.series + "=" + text(each.amount) +
           (each.temporality == 2 ? "" : " of temporality " + std::to_string(each.temporality));
  return all;
}

std::string taken(Cumulative& sums, std::string_view request, uint64_t now = 2 * start) {
  const auto result = sums.applied_to(request, now);
  REQUIRE(result.has_value());
  return said(*result);
}

Histogram made_up_histogram() {
  return {.count = 3, .sum = 12, .buckets = {1, 2}, .bounds = {5}, .min = 1, .max = 6};
}

}  // namespace

TEST_SUITE("otlp/cumulative") {
  TEST_CASE("deltas of a series are added up, over all requests") {
    Cumulative all = sums();
    CHECK(taken(all, metrics(counter("tokens", 5L) + counter("cost", 0.5))) == "tokens{}=5, cost{}=0.500000");
    CHECK(taken(all, metrics(counter("tokens", 2L))) == "tokens{}=7");
    CHECK(taken(all, metrics(counter("cost", 1.0))) == "cost{}=1.500000");
    CHECK(all.series() == 2);
  }

  TEST_CASE("a series is what has the same resource, scope, metric and attributes, in any order") {
    Cumulative all = sums();
    const std::string tokens = counter("tokens", 1L, {{"a", "1"}, {"b", "2"}});
    CHECK(taken(all, metrics(tokens, {{"x", "1"}, {"y", "2"}})) == "tokens{a=1 b=2}=1");
    CHECK(taken(all, metrics(counter("tokens", 1L, {{"b", "2"}, {"a", "1"}}), {{"y", "2"}, {"x", "1"}})) ==
          "tokens{a=1 b=2}=2");
    CHECK(taken(all, metrics(tokens, {{"x", "1"}, {"y", "3"}})) == "tokens{a=1 b=2}=1");
    CHECK(taken(all, metrics(tokens, {{"x", "1"}, {"y", "2"}}, "other")) == "tokens{a=1 b=2}=1");
    CHECK(taken(all, metrics(counter("tokens", 1L, {{"a", "1"}}), {{"x", "1"}, {"y", "2"}})) ==
          "tokens{a=1}=1");
    CHECK(taken(all, metrics(metric("tokens", 7, field(1, number_point(1L, {{"a", "1"}, {"b", "2"}})), 1,
                                    Grows::no),
                             {{"x", "1"}, {"y", "2"}})) == "tokens{a=1 b=2}=1");
    CHECK(taken(all, metrics(tokens, {{"x", "1"}, {"y", "2"}})) == "tokens{a=1 b=2}=3");
    // Texts that run into each other are not the same.
    CHECK(taken(all, metrics(counter("tokens", 1L, {{"ab", "c"}}))) == "tokens{ab=c}=1");
    CHECK(taken(all, metrics(counter("tokens", 1L, {{"a", "bc"}}))) == "tokens{a=bc}=1");
  }

  TEST_CASE("of an attribute that stands twice, the last counts and is written") {
    Cumulative all = sums();
    CHECK(taken(all, metrics(counter("tokens", 1L, {{"a", "1"}, {"a", "2"}}))) == "tokens{a=2}=1");
    CHECK(taken(all, metrics(counter("tokens", 1L, {{"a", "2"}}))) == "tokens{a=2}=2");
  }

  TEST_CASE("a series that stands twice in a request has one point, with both deltas") {
    Cumulative all = sums();
    const std::string both = counter("tokens", 1L) + counter("tokens", 2L);
    CHECK(taken(all, metrics(both)) == "tokens{}=3");
    CHECK(taken(all, metrics(both) + metrics(both)) == "tokens{}=9");
  }

  TEST_CASE("histograms with explicit buckets are added up") {
    Cumulative all = sums();
    CHECK(taken(all, metrics(histogram(made_up_histogram()))) == "duration{}=3/12/1/6[1 2]");
    CHECK(taken(all, metrics(histogram(
                         {.count = 2, .sum = 8, .buckets = {1, 1}, .bounds = {5}, .min = 0, .max = 8}))) ==
          "duration{}=5/20/0/8[2 3]");
    CHECK(taken(all, metrics(histogram({.count = 1, .buckets = {1, 0}, .bounds = {5}}))) ==
          "duration{}=6/-/-/-[3 3]");
    CHECK(taken(all, metrics(histogram(made_up_histogram()))) == "duration{}=9/-/-/-[4 5]");
    CHECK(taken(all, metrics(histogram({.count = 4, .sum = 1}, {{"a", "b"}}))) == "duration{a=b}=4/1/-/-[]");
    CHECK(all.lost() == Cumulative::Lost{});
  }

  TEST_CASE("buckets that do not come packed are read too") {
    Cumulative all = sums();
    std::string point;
    Writer out(point);
    out.add_fixed64(4, 3);
    out.add_fixed64(6, 1);
    out.add_fixed64(6, 2);
    out.add_double(7, 5.0);
    CHECK(taken(all, metrics(metric("duration", 9, field(1, point)))) == "duration{}=3/-/-/-[1 2]");
  }

  TEST_CASE("a histogram with other bounds begins anew, with a new start") {
    Cumulative all = sums();
    (void)all.applied_to(metrics(histogram(made_up_histogram())), 2 * start);
    const auto next = points_of(
        *all.applied_to(metrics(histogram({.count = 1, .buckets = {0, 1}, .bounds = {7}})), 3 * start));
    REQUIRE(next.size() == 1);
    CHECK(text(next[0].amount) == "1/-/-/-[0 1]");
    CHECK(next[0].start == 2 * start);
    CHECK(next[0].time == 3 * start);
  }

  TEST_CASE("what is cumulative, a gauge or a summary passes unchanged") {
    Cumulative all = sums();
    const std::string request =
        metrics(metric("sum", 7, field(1, number_point(5L)), 2) +
                metric("no temporality", 7, field(1, number_point(5L)), 0) +
                metric("histogram", 9, field(1, histogram_point(made_up_histogram())), 2) +
                metric("gauge", 5, field(1, number_point(5L)), 0) +
                metric("exponential", 10, field(1, "x"), 2) + metric("summary", 11, field(1, "x"), 0));
    CHECK(all.applied_to(request, start) == request);
    CHECK(all.series() == 0);
  }

  TEST_CASE("what surrounds a metric stays, with its description and unit") {
    Cumulative all = sums();
    const auto wrapped = [](std::string_view points, uint64_t temporality) {
      const std::string sum = std::string(points) + number_field(2, temporality) + number_field(3, 1);
      const std::string metric =
          field(1, "tokens") + field(2, "Tokens used") + field(3, "{token}") + field(7, sum);
      const std::string scope = field(1, field(1, "claude") + field(2, "2.1") + labels(3, {{"a", "b"}}));
      return field(1, field(1, labels(1, {{"host", "a"}})) +
                          field(2, scope + field(2, metric) + field(3, "schema")) + field(3, "url"));
    };
    std::string point;
    Writer out(point);
    out.add_fixed64(2, start);
    out.add_fixed64(3, 2 * start);
    out.add_sfixed64(6, 5);
    CHECK(all.applied_to(wrapped(field(1, number_point(5L)), 1), 2 * start) == wrapped(field(1, point), 2));
  }

  TEST_CASE("a delta that is of no use is left out, and the sum stays") {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    Cumulative all = sums();
    (void)taken(all, metrics(counter("tokens", 5L) + counter("cost", 1.0) + histogram(made_up_histogram())));
    const std::string no_value = field(1, number_field(8, 1) + number_point(5L));
    for (const std::string& each :
         {counter("tokens", -1L), counter("cost", -0.5), counter("cost", std::nan("")),
          counter("cost", infinity), counter("cost", -infinity), metric("tokens", 7, field(1, "")),
          metric("tokens", 7, no_value), metric("new", 7, field(1, number_point(std::nan(""))), 1, Grows::no),
          histogram({.count = 4, .buckets = {1, 2}, .bounds = {5}}),
          histogram({.count = 3, .buckets = {1, 2, 0}, .bounds = {5}}),
          histogram({.count = 3, .buckets = {1, 2, 0}, .bounds = {6, 5}}),
          histogram({.count = 3, .buckets = {1, 2}, .bounds = {infinity}}),
          histogram({.count = 3, .sum = infinity, .buckets = {1, 2}, .bounds = {5}}),
          histogram({.count = 3, .bounds = {5}}),
          histogram({.count = UINT64_MAX, .buckets = {UINT64_MAX, 0}, .bounds = {5}}),
          metric("exponential", 10, field(1, ""))}) {
      const uint64_t before = all.lost().points;
      CHECK(taken(all, metrics(each)) == "");
      CHECK(all.lost().points == before + 1);
    }
    CHECK(
        taken(all, metrics(counter("tokens", 1L) + counter("cost", 0.0) + histogram(made_up_histogram()))) ==
        "tokens{}=6, cost{}=1.000000, duration{}=6/24/1/6[2 4]");
    CHECK(all.series() == 3);
  }

  TEST_CASE("a sum that may fall takes negative deltas") {
    Cumulative all = sums();
    const auto delta = [](const Amount& amount) {
      return metrics(metric("open", 7, field(1, number_point(amount)), 1, Grows::no));
    };
    CHECK(taken(all, delta(5L)) == "open{}=5");
    CHECK(taken(all, delta(-7L)) == "open{}=-2");
    CHECK(taken(all, delta(0.5)) == "open{}=-1.500000");
  }

  TEST_CASE("a sum of integers that overflows goes on in floating point, and one of those stops") {
    Cumulative all = sums();
    const int64_t largest = std::numeric_limits<int64_t>::max();
    (void)taken(all, metrics(counter("tokens", largest)));
    const auto over = points_of(*all.applied_to(metrics(counter("tokens", largest)), start));
    REQUIRE(over.size() == 1);
    CHECK(std::get<double>(over[0].amount) == 2 * static_cast<double>(largest));
    const double most = std::numeric_limits<double>::max();
    (void)taken(all, metrics(counter("cost", most)));
    CHECK(taken(all, metrics(counter("cost", most))) == "");
    CHECK(all.lost().points == 1);
  }

  TEST_CASE("the times of a series only grow, by a millisecond at least, and the senders' do not count") {
    Cumulative all = sums();
    std::vector<uint64_t> times;
    for (const uint64_t now : {2 * start, 2 * start, 2 * start + 1, start, 3 * start}) {
      const auto seen = points_of(*all.applied_to(metrics(counter("tokens", 1L)), now));
      REQUIRE(seen.size() == 1);
      CHECK(seen[0].start == start);
      times.push_back(seen[0].time - 2 * start);
    }
    CHECK(times == std::vector<uint64_t>{0, millisecond, 2 * millisecond, 3 * millisecond, start});
    Cumulative other = sums();
    const auto early = points_of(*other.applied_to(metrics(counter("other", 1L)), 5));
    REQUIRE(early.size() == 1);
    CHECK(early[0].time == start + millisecond);
  }

  TEST_CASE("no point is dated more than a second ahead, and what it leaves out is in the next one") {
    Cumulative all = sums();
    constexpr int64_t requests = 1500;
    std::vector<SeenPoint> seen;
    for (int64_t i = 0; i < requests; ++i)
      for (SeenPoint& each : points_of(*all.applied_to(metrics(counter("tokens", 1L)), 2 * start)))
        seen.push_back(std::move(each));
    CHECK(seen.size() == 1001);
    CHECK(seen.back().time == 2 * start + limits::ahead);
    CHECK(taken(all, metrics(counter("tokens", 1L) + counter("cost", 1L))) == "cost{}=1");
    CHECK(all.lost() == Cumulative::Lost{});
    const auto next = points_of(*all.applied_to(metrics(counter("tokens", 1L)), 2 * start + millisecond));
    REQUIRE(next.size() == 1);
    CHECK(text(next[0].amount) == std::to_string(requests + 2));
    CHECK(next[0].time == 2 * start + limits::ahead + millisecond);
  }

  TEST_CASE("a renewed result has no point that is dated more than a second ahead") {
    Cumulative all = sums();
    const std::string result =
        *all.applied_to(metrics(counter("tokens", 1L) + counter("cost", 1L)), 2 * start);
    for (int i = 0; i < 1000; ++i) (void)all.applied_to(metrics(counter("tokens", 1L)), 2 * start);
    CHECK(said(all.renewed(result, 2 * start)) == "cost{}=1");
    const std::string alone = *all.applied_to(metrics(counter("cost", 1L)), 2 * start);
    for (int i = 0; i < 1000; ++i) (void)all.applied_to(metrics(counter("cost", 1L)), 2 * start);
    CHECK(all.renewed(alone, 2 * start) == alone);
  }

  TEST_CASE("a clock that steps back does not keep a series from being written") {
    Cumulative all = sums();
    (void)taken(all, metrics(counter("tokens", 1L)), 9 * start);
    const auto seen = points_of(*all.applied_to(metrics(counter("tokens", 1L)), 2 * start));
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].time == 9 * start + millisecond);
  }

  TEST_CASE("a new series does not start in the future, and its points are after those it displaced") {
    Cumulative all = sums({.series = 1, .octets = limits::sums_octets});
    for (int i = 0; i < 500; ++i) (void)all.applied_to(metrics(counter("a", 1L)), 2 * start);
    (void)all.applied_to(metrics(counter("b", 1L)), 2 * start);
    const auto back = points_of(*all.applied_to(metrics(counter("a", 1L)), 2 * start));
    REQUIRE(back.size() == 1);
    CHECK(back[0].start == 2 * start);
    CHECK(back[0].time == 2 * start + 501 * millisecond);
  }

  TEST_CASE(
      "the series without a delta for the longest time is forgotten, and comes back with a later start") {
    Cumulative all = sums({.series = 2, .octets = limits::sums_octets});
    (void)taken(all, metrics(counter("a", 1L)), 2 * start);
    (void)taken(all, metrics(counter("b", 1L)), 3 * start);
    (void)taken(all, metrics(counter("a", 1L)), 4 * start);
    CHECK(taken(all, metrics(counter("c", 1L)), 5 * start) == "c{}=1");
    CHECK(all.lost() == Cumulative::Lost{.points = 0, .series = 1});
    CHECK(taken(all, metrics(counter("a", 1L)), 6 * start) == "a{}=3");
    const auto back = points_of(*all.applied_to(metrics(counter("b", 1L)), 7 * start));
    REQUIRE(back.size() == 1);
    CHECK(text(back[0].amount) == "1");
    CHECK(back[0].start == 5 * start);  // when c, which went for it, was last seen
  }

  TEST_CASE("a request with more series than there is room for has the first of them") {
    Cumulative all = sums({.series = 3, .octets = limits::sums_octets});
    (void)taken(all, metrics(counter("old", 1L)));
    std::string many;
    for (int i = 0; i < 5; ++i) many += counter("tokens", 1L, {{"i", std::to_string(i)}});
    CHECK(taken(all, metrics(many)) == "tokens{i=0}=1, tokens{i=1}=1, tokens{i=2}=1");
    CHECK(all.lost() == Cumulative::Lost{.points = 2, .series = 1});
    CHECK(all.series() == 3);
  }

  TEST_CASE("a million values of a label leave the bound of series, and buckets that of octets") {
    Cumulative all = sums({.series = 100, .octets = 100 * limits::series_octets});
    for (int i = 0; i < 100; ++i) {
      std::string many;
      for (int j = 0; j < 100; ++j) many += counter("tokens", 1L, {{"i", std::to_string(100 * i + j)}});
      (void)taken(all, metrics(many));
      CHECK(all.series() == 100);
    }
    CHECK(all.lost() == Cumulative::Lost{.points = 0, .series = 9900});
    Histogram wide;
    wide.buckets.assign(1001, 0);
    for (int i = 0; i < 1000; ++i) wide.bounds.push_back(i);
    CHECK(taken(all, metrics(histogram(wide))).starts_with("duration{}"));
    CHECK(all.series() <= 100 - 16016 / limits::series_octets);
    wide.buckets.assign(10001, 0);
    wide.bounds.clear();
    for (int i = 0; i < 10000; ++i) wide.bounds.push_back(i);
    CHECK(taken(all, metrics(histogram(wide))) == "");
    CHECK(all.lost().points == 1);
  }

  TEST_CASE("a request of more parts than the bound is malformed, and adds nothing up") {
    Cumulative all = sums();
    const auto filled = [](size_t number, std::string_view part) {
      std::string parts;
      for (size_t i = 0; i < number; ++i) parts += part;
      return parts;
    };
    const auto is_taken = [&](const std::string& request) {
      return all.applied_to(request, 2 * start).has_value();
    };
    // Of each, the resource, the scope and the metric are parts as well.
    const std::string empty = field(2, "");
    const std::string point = field(1, "");
    CHECK(is_taken(field(1, filled(limits::request_parts - 1, empty))));
    CHECK_FALSE(is_taken(field(1, filled(limits::request_parts, empty))));
    CHECK(is_taken(metrics(filled(limits::request_parts - 2, empty))));
    CHECK_FALSE(is_taken(metrics(filled(limits::request_parts - 1, empty))));
    for (const Tag kind : {7U, 9U, 10U})
      for (const uint64_t temporality : {1U, 2U}) {
        CHECK(is_taken(metrics(metric("a", kind, filled(limits::request_parts - 3, point), temporality))));
        CHECK_FALSE(
            is_taken(metrics(metric("a", kind, filled(limits::request_parts - 2, point), temporality))));
      }
    CHECK_FALSE(is_taken(filled(limits::request_parts + 1, field(1, ""))));
    const uint64_t before = all.lost().points;
    const size_t known = all.series();
    CHECK_FALSE(
        is_taken(metrics(counter("tokens", 1L) + metric("a", 7, filled(limits::request_parts, point)))));
    CHECK(all.lost().points == before);
    CHECK(all.series() == known);
    const std::string sums_of_one_request = metrics(filled(limits::request_parts / 2 - 1, counter("a", 1L)));
    CHECK(taken(all, sums_of_one_request) == "a{}=" + std::to_string(limits::request_parts / 2 - 1));
  }

  TEST_CASE("a request of more attributes than the bound is malformed, also if they have one key") {
    Cumulative all = sums();
    const auto is_taken = [&](size_t number, Tag kind, Tag attribute) {
      std::string points;
      for (size_t i = 0; i < number / 1000; ++i) {
        std::string point;
        for (size_t j = 0; j < 1000; ++j) point += field(attribute, "");
        points += field(1, point);
      }
      return all.applied_to(metrics(metric("a", kind, points), {}), 2 * start).has_value();
    };
    for (const auto& [kind, attribute] : {std::pair{Tag{7}, Tag{7}}, std::pair{Tag{9}, Tag{9}}}) {
      CHECK(is_taken(limits::request_attributes, kind, attribute));
      CHECK_FALSE(is_taken(limits::request_attributes + 1000, kind, attribute));
    }
    std::string resource;
    for (size_t i = 0; i <= limits::request_attributes; ++i) resource += field(1, "");
    CHECK_FALSE(all.applied_to(field(1, field(1, resource)), start).has_value());
    std::string scope;
    for (size_t i = 0; i <= limits::request_attributes; ++i) scope += field(3, "");
    CHECK_FALSE(all.applied_to(field(1, field(2, field(1, scope))), start).has_value());
  }

  TEST_CASE("a temporality that only some readers take for a delta is malformed") {
    Cumulative all = sums();
    for (const uint64_t each : {(uint64_t{1} << 32U) + 1, (uint64_t{1} << 31U) + 1, UINT64_MAX}) {
      CHECK_FALSE(
          all.applied_to(metrics(metric("a", 7, field(1, number_point(1L)), each)), start).has_value());
      CHECK_FALSE(all.applied_to(metrics(metric("a", 10, field(1, ""), each)), start).has_value());
    }
    const std::string unknown = metrics(metric("a", 7, field(1, number_point(1L)), INT32_MAX));
    CHECK(all.applied_to(unknown, start) == unknown);
    CHECK(all.series() == 0);
  }

  TEST_CASE("a least or largest value that is not finite is left out") {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    for (const double each : {std::nan(""), infinity, -infinity}) {
      Cumulative all = sums();
      const std::string least = histogram({.count = 1, .sum = 1, .min = each, .max = 4});
      CHECK(taken(all, metrics(least)) == "duration{}=1/1/-/4[]");
      const std::string largest = histogram({.count = 1, .sum = 1, .min = 4, .max = each}, {{"a", "b"}});
      CHECK(taken(all, metrics(largest)) == "duration{a=b}=1/1/4/-[]");
      CHECK(all.lost() == Cumulative::Lost{});
    }
  }

  TEST_CASE("a malformed request adds nothing up") {
    Cumulative all = sums();
    const std::string good = counter("tokens", 1L);
    const auto is_malformed = [&](const std::string& each) {
      return !all.applied_to(metrics(good + each), start).has_value();
    };
    CHECK(is_malformed(field(2, number_field(1, 5))));
    CHECK(is_malformed(metric("a", 7, field(1, number_field(4, 5)))));
    CHECK(is_malformed(metric("a", 7, number_field(1, 5))));
    CHECK(is_malformed(metric("a", 9, field(1, field(6, "1234567")))));
    CHECK(is_malformed(field(2, field(1, "a") + field(7, "") + field(5, ""))));
    const std::string whole = metrics(good);
    for (size_t size = 1; size < whole.size(); ++size)
      CHECK_FALSE(all.applied_to(whole.substr(0, size), start).has_value());
    Labels many;
    for (size_t i = 0; i <= limits::attributes; ++i) many.emplace_back(std::to_string(i), "");
    CHECK(is_malformed(counter("a", 1L, many)));
    CHECK_FALSE(all.applied_to(metrics(good, many), start).has_value());
    CHECK(all.series() == 0);
    CHECK(taken(all, metrics(good)) == "tokens{}=1");
  }

  TEST_CASE(
      "a result that waited is renewed with the sums at present, after those that were sent meanwhile") {
    Cumulative all = sums();
    const std::string gauge = metric("gauge", 5, field(1, number_point(5L)), 0);
    const std::string first = *all.applied_to(
        metrics(counter("tokens", 1L, {{"b", "2"}, {"a", "1"}}) + counter("cost", 0.5) + gauge), 2 * start);
    const std::string second =
        *all.applied_to(metrics(counter("tokens", 4L, {{"a", "1"}, {"b", "2"}})), 3 * start);
    const std::string renewed = all.renewed(first, 3 * start);
    CHECK(said(renewed) == "tokens{a=1 b=2}=5, cost{}=0.500000, gauge{}=5 of temporality 0");
    const auto points = points_of(renewed);
    CHECK(points[0].time == 3 * start + millisecond);
    CHECK(points[1].time == 3 * start);
    CHECK(points[0].start == start);
    CHECK(renewed.contains(gauge));
  }

  TEST_CASE("a result of series that are no longer known stays as it is") {
    Cumulative earlier = sums();
    const std::string result =
        *earlier.applied_to(metrics(counter("tokens", 1L) + histogram(made_up_histogram())), 2 * start);
    Cumulative unknown(keys, 4 * start);
    CHECK(unknown.renewed(result, 5 * start) == result);
    (void)unknown.applied_to(metrics(counter("tokens", 9L)), 5 * start);
    CHECK(unknown.renewed(result, 6 * start) == result);
    CHECK(unknown.renewed("damaged", 6 * start) == "damaged");
  }

  TEST_CASE("the last point of each series is the sum of its deltas, however they are split") {
    std::mt19937 random(20260102);  // NOLINT(bugprone-random-generator-seed)
    const auto below = [&](uint32_t bound) { return static_cast<uint32_t>(random() % bound); };
    for (int round = 0; round < 50; ++round) {
      Cumulative all = sums();
      std::map<std::string, int64_t> expected;
      std::map<std::string, std::pair<int64_t, uint64_t>> last;  // with its time
      for (uint64_t request = 0; request < 20; ++request) {
        std::string body;
        for (uint32_t block = below(3); block < 3; ++block) {
          std::string items;
          for (uint32_t item = below(4); item < 5; ++item) {
            const std::string name(1, static_cast<char>('a' + below(3)));
            const std::string value = std::to_string(below(3));
            const auto delta = static_cast<int64_t>(below(1000));
            expected[name + "{v=" + value + "}"] += delta;
            items += below(2) == 0 ? counter(name, delta, {{"v", value}})
                                   : counter(name, static_cast<double>(delta), {{"v", value}});
          }
          body += metrics(items);
        }
        const auto result = all.applied_to(body, start + below(50) * millisecond);
        REQUIRE(result.has_value());
        for (const SeenPoint& each : points_of(*result)) {
          const auto* const integer = std::get_if<int64_t>(&each.amount);
          const int64_t sum =
              integer != nullptr ? *integer : static_cast<int64_t>(std::get<double>(each.amount));
          const auto before = last.find(each.series);
          if (before != last.end()) CHECK(sum >= before->second.first);
          if (before != last.end()) CHECK(each.time > before->second.second);
          last[each.series] = {sum, each.time};
        }
      }
      REQUIRE(last.size() == expected.size());
      for (const auto& [series, sum] : expected) CHECK(last[series].first == sum);
    }
  }
}
