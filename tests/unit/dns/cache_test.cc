#include "ostiary/dns/cache.h"

#include <algorithm>
#include <list>
#include <random>
#include <string>

#include <doctest/doctest.h>

#include "ostiary/dns/limits.h"

using namespace ostiary::dns;
using namespace std::chrono_literals;
using ostiary::inet::HostName;
using ostiary::inet::IpAddress;
using Outcome = Cache::Outcome;

namespace {

const Cache::Time start = Cache::Time{} + 1000h;
const ostiary::HashKey key{1, 2};

WireName wire(const std::string& text) {
  return WireName::from(*HostName::parse(text));
}
WireName numbered(size_t i) {
  return wire("n" + std::to_string(i) + ".example");
}

std::vector<IpAddress> some(uint8_t last) {
  return {IpAddress::v4({192, 0, 2, last})};
}

void put(Cache& cache, const WireName& name, uint8_t last, std::chrono::seconds ttl,
         Cache::Time now = start) {
  cache.put_addresses(name, RecordType::a, some(last), ttl, now, now + 1h);
}

bool has(Cache& cache, const WireName& name, Cache::Time now = start) {
  return cache.find(name, RecordType::a, now).has_value();
}

}  // namespace

TEST_SUITE("dns/cache") {
  TEST_CASE("returns what was stored, with the remaining TTL") {
    Cache cache(10, key);
    const std::vector<IpAddress> addresses{IpAddress::v4({192, 0, 2, 1}), IpAddress::v4({192, 0, 2, 2})};
    cache.put_addresses(wire("a.example"), RecordType::a, addresses, 60s, start, start + 1h);
    const auto hit = cache.find(wire("a.example"), RecordType::a, start + 20s);
    REQUIRE(hit);
    CHECK(hit->outcome == Outcome::addresses);
    CHECK(std::ranges::equal(hit->addresses, addresses));
    CHECK(hit->ttl == 40s);
    CHECK(hit->admitted_until == start + 1h);
    CHECK(cache.find(wire("a.example"), RecordType::a, start + 59s + 999ms)->ttl == 1s);
  }

  TEST_CASE("keeps names and types apart") {
    Cache cache(10, key);
    put(cache, wire("a.example"), 1, 60s);
    CHECK_FALSE(cache.find(wire("a.example"), RecordType::aaaa, start));
    CHECK_FALSE(has(cache, wire("b.example")));
    CHECK_FALSE(has(cache, wire("a.example.com")));
    CHECK_FALSE(has(cache, wire("example")));
    CHECK_FALSE(has(cache, WireName()));
  }

  TEST_CASE("forgets an entry when its TTL is over, not before") {
    Cache cache(10, key);
    put(cache, wire("a.example"), 1, 60s);
    CHECK(has(cache, wire("a.example"), start + 60s - 1ns));
    CHECK_FALSE(has(cache, wire("a.example"), start + 60s));
    CHECK(cache.size() == 0);
  }

  TEST_CASE("remembers that a name or type does not exist") {
    Cache cache(10, key);
    cache.put_no_such_name(wire("a.example"), RecordType::a, 30s, start);
    cache.put_no_data(wire("a.example"), RecordType::aaaa, 30s, start);
    cache.put_addresses(wire("b.example"), RecordType::a, {}, 30s, start, start);
    CHECK(cache.find(wire("a.example"), RecordType::a, start)->outcome == Outcome::no_such_name);
    CHECK(cache.find(wire("a.example"), RecordType::aaaa, start)->outcome == Outcome::no_data);
    CHECK(cache.find(wire("b.example"), RecordType::a, start)->outcome == Outcome::no_data);
    cache.put_withheld(wire("c.example"), RecordType::a, 30s, start);
    CHECK(cache.find(wire("c.example"), RecordType::a, start + 29s)->outcome == Outcome::withheld);
    CHECK_FALSE(cache.find(wire("c.example"), RecordType::a, start + 30s));
    CHECK(cache.find(wire("a.example"), RecordType::a, start)->addresses.empty());
  }

  TEST_CASE("brings TTLs within the limits") {
    Cache cache(10, key);
    put(cache, wire("a.example"), 1, 0s);
    CHECK(cache.find(wire("a.example"), RecordType::a, start)->ttl == limits::ttl_min);
    put(cache, wire("a.example"), 1, 1000h);
    CHECK(cache.find(wire("a.example"), RecordType::a, start)->ttl == limits::ttl_max);
    cache.put_no_data(wire("a.example"), RecordType::a, 1000h, start);
    CHECK(cache.find(wire("a.example"), RecordType::a, start)->ttl == limits::negative_ttl_max);
  }

  TEST_CASE("the last entry of a name counts") {
    Cache cache(10, key);
    cache.put_no_such_name(wire("a.example"), RecordType::a, 30s, start);
    put(cache, wire("a.example"), 1, 60s);
    put(cache, wire("a.example"), 2, 60s);
    CHECK(cache.size() == 1);
    CHECK(std::ranges::equal(cache.find(wire("a.example"), RecordType::a, start)->addresses, some(2)));
  }

  TEST_CASE("records a renewed admission of a stored entry") {
    Cache cache(10, key);
    put(cache, wire("a.example"), 1, 60s);
    cache.set_admitted_until(wire("a.example"), RecordType::a, start + 5h);
    cache.set_admitted_until(wire("b.example"), RecordType::a, start + 5h);
    CHECK(cache.find(wire("a.example"), RecordType::a, start)->admitted_until == start + 5h);
    CHECK_FALSE(has(cache, wire("b.example")));
  }

  TEST_CASE("removes the least recently used entry when it is full") {
    Cache cache(3, key);
    for (size_t i = 0; i < 3; ++i) put(cache, numbered(i), 1, 60s);
    CHECK(has(cache, numbered(0)));
    put(cache, numbered(3), 1, 60s);
    CHECK(cache.size() == 3);
    CHECK(has(cache, numbered(0)));
    CHECK_FALSE(has(cache, numbered(1)));
    CHECK(has(cache, numbered(2)));
    CHECK(has(cache, numbered(3)));
  }

  TEST_CASE("works with space for one entry") {
    Cache cache(0, key);
    CHECK(cache.capacity() == 1);
    put(cache, numbered(0), 1, 60s);
    put(cache, numbered(1), 1, 60s);
    CHECK_FALSE(has(cache, numbered(0)));
    CHECK(has(cache, numbered(1)));
  }

  TEST_CASE("stores the longest name and the most addresses") {
    Cache cache(10, key);
    const auto longest = wire(std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') +
                              "." + std::string(61, 'd'));
    std::vector<IpAddress> addresses;
    for (uint8_t i = 0; i < 100; ++i) addresses.push_back(IpAddress::v4({10, 0, 0, i}));
    cache.put_addresses(longest, RecordType::a, addresses, 60s, start, start);
    const auto hit = cache.find(longest, RecordType::a, start);
    REQUIRE(hit);
    CHECK(std::ranges::equal(hit->addresses, std::span(addresses).first(limits::addresses)));
  }

  TEST_CASE("does the same as a simple list over 100,000 steps") {
    struct Known {
      size_t name;
      Outcome outcome;
      uint8_t last;
      Cache::Time expires;
    };
    constexpr size_t capacity = 100;
    std::list<Known> model;  // the most recent first
    Cache cache(capacity, key);
    std::mt19937 random(7);
    const auto below = [&](size_t bound) {
      return std::uniform_int_distribution<size_t>(0, bound - 1)(random);
    };
    std::vector<WireName> names;
    for (size_t i = 0; i < 150; ++i) names.push_back(numbered(i));
    auto now = start;
    for (int step = 0; step < 100000; ++step) {
      now += std::chrono::milliseconds(below(100));
      const size_t i = below(names.size());
      const auto known = std::ranges::find(model, i, &Known::name);
      switch (below(8)) {
        case 0:
        case 1: {
          if (known != model.end())
            model.erase(known);
          else if (model.size() == capacity)
            model.pop_back();
          const std::chrono::seconds ttl(1 + below(20));
          const bool positive = below(3) != 0;
          const auto last = static_cast<uint8_t>(below(256));
          model.push_front({i, positive ? Outcome::addresses : Outcome::no_data, last, now + ttl});
          if (positive)
            put(cache, names[i], last, ttl, now);
          else
            cache.put_no_data(names[i], RecordType::a, ttl, now);
          break;
        }
        default: {
          const auto hit = cache.find(names[i], RecordType::a, now);
          REQUIRE(hit.has_value() == (known != model.end() && known->expires > now));
          if (known == model.end()) break;
          if (!hit) {
            model.erase(known);
            break;
          }
          REQUIRE(hit->outcome == known->outcome);
          REQUIRE(hit->ttl == std::chrono::ceil<std::chrono::seconds>(known->expires - now));
          if (known->outcome == Outcome::addresses)
            REQUIRE(std::ranges::equal(hit->addresses, some(known->last)));
          model.splice(model.begin(), model, known);
        }
      }
      REQUIRE(cache.size() == model.size());
    }
  }
}
