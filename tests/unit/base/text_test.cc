#include "ostiary/base/text.h"

#include <cstdint>

#include <doctest/doctest.h>

namespace ostiary {
namespace {

using Pieces = std::vector<std::string_view>;

Pieces taken(std::string_view text, char separator) {
  Pieces pieces;
  while (!text.empty()) pieces.push_back(take_until(text, separator));
  return pieces;
}

TEST_SUITE("base/text") {
  TEST_CASE("only letters of ASCII have a case") {
    CHECK(to_lower("AZ az 09 @[ \xc3\x84") == "az az 09 @[ \xc3\x84");
    CHECK(to_upper("AZ az 09 `{ \xc3\xa4") == "AZ AZ 09 `{ \xc3\xa4");
    CHECK(to_lower(uint8_t{0xc4}) == 0xc4);
    CHECK(equal_ignoring_case("X-Key", "x-kEY"));
    CHECK_FALSE(equal_ignoring_case("X-Key", "x-key2"));
    CHECK_FALSE(equal_ignoring_case("a@", "a`"));
  }

  TEST_CASE("split() keeps every empty piece, take_until() leaves out an empty last one") {
    CHECK(split("", ',') == Pieces{""});
    CHECK(split("a,,b,", ',') == Pieces{"a", "", "b", ""});
    CHECK(taken("", ',').empty());
    CHECK(taken("a,,b,", ',') == Pieces{"a", "", "b"});
    CHECK(taken("a,,b", ',') == Pieces{"a", "", "b"});
  }

  TEST_CASE("take_word() stops before the blank after the word") {
    std::string_view line = " \tone  two ";
    CHECK(take_word(line) == "one");
    CHECK(line == "  two ");
    CHECK(take_word(line) == "two");
    CHECK(take_word(line).empty());
    CHECK(line.empty());
  }

  TEST_CASE("trim() removes spaces and tabs, and no other blank") {
    CHECK(trim(" \t a b\t ") == "a b");
    CHECK(trim(" \t ").empty());
    CHECK(trim("\na\n") == "\na\n");
  }

  TEST_CASE("a number is the whole text, and fits its type") {
    CHECK(parse_number<uint16_t>("65535") == 65535);
    CHECK(parse_number<int>("-7") == -7);
    CHECK(parse_number<unsigned>("ff", 16) == 255);
    for (const std::string_view text : {"", "65536", "-1", "+1", " 1", "1 ", "1x", "0x1"})
      CHECK_MESSAGE(!parse_number<uint16_t>(text), text);
  }
}

}  // namespace
}  // namespace ostiary
