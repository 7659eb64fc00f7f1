#include "ostiary/base/encoding.h"

#include <doctest/doctest.h>

namespace ostiary {
namespace {

std::string base64(std::string_view octets) {
  std::string text;
  append_base64(text, octets);
  return text;
}

// The size of the first character, or 0.
size_t size_of_first(std::string_view text) {
  const auto character = first_character(text);
  return character ? character->size : 0;
}

TEST_SUITE("base/encoding") {
  TEST_CASE("base64 is read with and without padding, and gives what was written") {
    std::string octets;
    for (int octet = 0; octet < 256; ++octet) {
      std::string written;
      append_base64(written, octets);
      CHECK(base64_decoded(written) == octets);
      CHECK(base64_decoded(written.substr(0, written.find('='))) == octets);
      octets += static_cast<char>(octet);
    }
    for (const char* malformed :
         {"A", "AAAAA", "A===", "AAA==", "AA=", "=", "====", "AAAA====", "AA=A", "A A=", "AA-_"})
      CHECK_FALSE_MESSAGE(base64_decoded(malformed).has_value(), malformed);
  }

  TEST_CASE("base64 agrees with the examples of RFC 4648 and has the size that base64_size() says") {
    CHECK(base64("").empty());
    CHECK(base64("f") == "Zg==");
    CHECK(base64("fo") == "Zm8=");
    CHECK(base64("foo") == "Zm9v");
    CHECK(base64("foobar") == "Zm9vYmFy");
    CHECK(base64("\xfb\xff") == "+/8=");
    for (size_t size = 0; size < 8; ++size) CHECK(base64(std::string(size, 'x')).size() == base64_size(size));
  }

  TEST_CASE("percent sequences are decoded to the octets that they were made of") {
    std::string every_octet;
    for (int octet = 0; octet < 256; ++octet) every_octet += static_cast<char>(octet);
    std::string encoded;
    append_percent_encoded(encoded, every_octet);
    CHECK(encoded.size() == percent_encoded_size(every_octet));
    CHECK(encoded.starts_with("%00%01"));
    CHECK(encoded.ends_with("%FE%FF"));
    CHECK(is_percent_encoded(encoded));
    std::string decoded;
    append_percent_decoded(decoded, encoded);
    CHECK(decoded == every_octet);
  }

  TEST_CASE("a percent sign without two hexadecimal digits of either case is refused") {
    for (const std::string_view text : {"", "a", "%aF%Fa", "100%25"})
      CHECK_MESSAGE(is_percent_encoded(text), text);
    for (const std::string_view text : {"%", "%2", "a%", "%2g", "%g2", "%%25", "% 1"})
      CHECK_MESSAGE(!is_percent_encoded(text), text);
  }

  TEST_CASE("a character of UTF-8 is read with its code and its size") {
    CHECK(first_character("a\xff")->code == 'a');
    CHECK(first_character("\xc3\xa4")->code == 0xe4);
    CHECK(first_character("\xe2\x82\xac!")->code == 0x20ac);
    CHECK(first_character("\xf4\x8f\xbf\xbf")->code == 0x10ffff);
    CHECK(size_of_first("\xf0\x9f\x98\x80") == 4);
  }

  TEST_CASE("overlong forms, surrogates, codes above U+10FFFF and cut characters are no UTF-8") {
    for (const std::string_view text :
         {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80",
          "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3", "\xe2\x82", "\xf0\x9f\x98",
          "\xc3\x28", "\xe2\x82\x28"})
      CHECK(size_of_first(text) == 0);
    CHECK(size_of_first("\xed\x9f\xbf") == 3);
    CHECK(size_of_first("\xee\x80\x80") == 3);
  }

  TEST_CASE("controls are C0, DEL and C1") {
    for (const uint32_t code : {0x00U, 0x1fU, 0x7fU, 0x80U, 0x9fU}) CHECK(is_control({code, 1}));
    for (const uint32_t code : {0x20U, 0x7eU, 0xa0U, 0x20acU}) CHECK_FALSE(is_control({code, 1}));
  }
}

}  // namespace
}  // namespace ostiary
