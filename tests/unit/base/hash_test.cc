#include "ostiary/base/hash.h"

#include <array>
#include <cstddef>
#include <numeric>

#include <doctest/doctest.h>

using namespace ostiary;

TEST_SUITE("base/hash") {
  TEST_CASE("is SipHash-1-3") {
    const HashKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};
    std::array<uint8_t, 63> octets;
    std::iota(octets.begin(), octets.end(), uint8_t{0});
    const auto of = [&](size_t size) { return hash(key, std::span(octets).first(size)); };
    CHECK(of(0) == 0xabac0158050fc4dc);
    CHECK(of(1) == 0xc9f49bf37d57ca93);
    CHECK(of(7) == 0xd3927d989bb11140);
    CHECK(of(8) == 0x369095118d299a8e);
    CHECK(of(9) == 0x25a48eb36c063de4);
    CHECK(of(63) == 0x9d199062b7bbb3a8);
  }
}
