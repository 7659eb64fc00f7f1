#include "ostiary/dns/cursor.h"

#include <array>

#include <doctest/doctest.h>

using namespace ostiary::dns;

TEST_SUITE("dns/cursor") {
  TEST_CASE("reads big-endian numbers and knows its position") {
    const std::array<uint8_t, 7> octets{1, 2, 3, 4, 5, 6, 7};
    Reader cursor(octets);
    CHECK(cursor.u8() == 0x01);
    CHECK(cursor.u16() == 0x0203);
    CHECK(cursor.u32() == 0x04050607);
    CHECK(cursor.ok());
    CHECK(cursor.left() == 0);
    CHECK(cursor.position() == 7);
    CHECK(cursor.take(0).empty());
    CHECK(cursor.ok());
  }

  TEST_CASE("a read past the end gives zero, and the cursor stays failed") {
    const std::array<uint8_t, 3> octets{1, 2, 3};
    Reader cursor(octets);
    CHECK((cursor.u32() & 0xffff) == 0);
    CHECK_FALSE(cursor.ok());
    CHECK(cursor.u8() == 0);
    cursor.seek(0);
    CHECK(cursor.u8() == 0);
    CHECK_FALSE(cursor.ok());
    Reader elsewhere(octets);
    elsewhere.seek(3);
    CHECK(elsewhere.ok());
    elsewhere.seek(4);
    CHECK_FALSE(elsewhere.ok());
  }

  TEST_CASE("writes only within its buffer, and a field completely or not at all") {
    std::array<uint8_t, 5> room{};
    Writer out{std::span(room).first(4)};
    out.u8(1);
    out.u16(0x0203);
    out.u16(0xffff);
    CHECK_FALSE(out.ok());
    out.u8(9);
    CHECK(out.size() == 3);
    CHECK(room == std::array<uint8_t, 5>{1, 2, 3, 0, 0});
    out.rewind(1);
    CHECK(out.ok());
    out.u16(0x0a0b);
    CHECK(room == std::array<uint8_t, 5>{1, 10, 11, 0, 0});
  }

  TEST_CASE("replaces only what has been written") {
    std::array<uint8_t, 4> room{};
    Writer out(room);
    out.replace_u16(0, 1);
    CHECK_FALSE(out.ok());
    out.rewind(0);
    out.u32(0);
    out.replace_u16(2, 0x0102);
    CHECK(out.ok());
    CHECK(room == std::array<uint8_t, 4>{0, 0, 1, 2});
    out.replace_u16(3, 0x0102);
    CHECK_FALSE(out.ok());
  }
}
