#include "ostiary/telemetry/attributes.h"

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>

#include <doctest/doctest.h>

using namespace ostiary::telemetry;

namespace {

std::string error_of(std::string_view list) {
  auto attributes = parse_attributes(list, "OTEL_RESOURCE_ATTRIBUTES");
  REQUIRE_MESSAGE(!attributes, list);
  CHECK(attributes.error().exit == ostiary::Exit::configuration);
  CHECK_FALSE(attributes.error().message.contains('\n'));
  return attributes.error().message;
}

std::string value_of(std::string_view list) {
  auto attributes = parse_attributes(list, "test");
  REQUIRE_MESSAGE(attributes, list);
  REQUIRE(attributes->size() == 1);
  return attributes->front().value;
}

std::string encoded_again(std::string_view list) {
  auto attributes = parse_attributes(list, "test");
  REQUIRE_MESSAGE(attributes, list);
  return encode_attributes(*attributes);
}

using Read = std::map<std::string, std::string>;

std::optional<std::string> decode_like_javascript(const std::string& text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    constexpr std::string_view hexadecimal = "0123456789abcdefABCDEF";
    if (i + 2 >= text.size() || !hexadecimal.contains(text[i + 1]) || !hexadecimal.contains(text[i + 2]))
      return {};
    decoded += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
    i += 2;
  }
  return decoded;
}

// Claude Code's parser: it skips a pair without exactly one '=', and drops all pairs if one is
// malformed.
std::optional<Read> read_like_claude_code(const std::string& list) {
  const auto is_octet = [](char c) { return c >= 0x21 && c <= 0x7e && c != ',' && c != ';' && c != '\\'; };
  Read read;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    const std::string pair = list.substr(begin, end - begin);
    begin = end + 1;
    if (std::ranges::count(pair, '=') != 1) continue;
    const std::string key = pair.substr(0, pair.find('='));
    std::string value = pair.substr(key.size() + 1);
    if (key.empty() || key.size() > 255 || value.size() > 255) return {};
    if (!std::ranges::all_of(key + value, is_octet)) return {};
    if (value.starts_with('"')) value.erase(0, 1);
    if (value.ends_with('"')) value.pop_back();
    auto decoded = decode_like_javascript(value);
    if (!decoded) return {};
    read[key] = *decoded;
  }
  return read;
}

std::string random_value(std::mt19937& random) {
  static const std::string pieces[] = {"a", "Z",  " ",   ",", "=", ";", "\\", "\"",
                                       "%", "%4", "%20", "é", "€", "𝄞", "/",  "'"};
  std::string value;
  for (size_t n = random() % 40; n > 0; --n) value += pieces[random() % std::size(pieces)];
  return value;
}

}  // namespace

TEST_SUITE("telemetry/attributes") {
  TEST_CASE("reads keys and values, trimmed, with the source they came from") {
    const auto attributes = parse_attributes(" team = core ,Service.Name_1-x=y", "OTEL_RESOURCE_ATTRIBUTES");
    REQUIRE(attributes);
    REQUIRE(attributes->size() == 2);
    CHECK((*attributes)[0] == Attribute{"team", "core", "OTEL_RESOURCE_ATTRIBUTES"});
    CHECK((*attributes)[1] == Attribute{"Service.Name_1-x", "y", "OTEL_RESOURCE_ATTRIBUTES"});
    CHECK(parse_attributes("", "test")->empty());
    CHECK(parse_attributes(" ", "test")->empty());
    CHECK(value_of("a=").empty());
  }

  TEST_CASE("encodes what is raw and does not encode twice what is encoded") {
    CHECK(encoded_again("team=a b") == "team=a%20b");
    CHECK(encoded_again("team=a%20b") == "team=a%20b");
    CHECK(encoded_again("team=a%2520b") == "team=a%2520b");
    CHECK(encoded_again("team=ü;\\\"'") == "team=%C3%BC%3B%5C%22%27");
    CHECK(encoded_again("team=%c3%bc%2c%3d") == "team=%C3%BC%2C%3D");
    CHECK(encoded_again("url=http://a.b/c~d@e_f-g") == "url=http://a.b/c~d@e_f-g");
    CHECK(value_of("team=%C3%BC%2C") == "ü,");
  }

  TEST_CASE("the error names the wrong pair") {
    CHECK(error_of("x=1,a=b=c").contains("pair 2 ('a') has more than one '=': write %3D"));
    CHECK(error_of("x=1,=b").contains("pair 2 ('') has an empty key"));
    CHECK(error_of("x=1,team=%4").contains("pair 2 ('team') has a '%'"));
    CHECK(error_of("team=%zz").contains("write %25"));
    CHECK(error_of("team=100%").contains("write %25"));
    CHECK(error_of("x=1,abc").contains("pair 2 has no '='"));
    CHECK_FALSE(error_of("Authorization=Basic aHVudGVyMg==").contains("aHVu"));
    CHECK(error_of("x=1,").contains("pair 2 is empty"));
    CHECK(error_of(",x=1").contains("pair 1 is empty"));
    CHECK(error_of("x=1,,y=1").contains("stray comma"));
    CHECK(error_of("a b=c").contains("pair 1 ('a b') has a key"));
    CHECK(error_of("ü=c").contains("pair 1 ('?\?') has a key"));
    CHECK(error_of("a%20b=c").contains("has a key"));
    CHECK(error_of("a=b\nc").contains("control character"));
    CHECK(error_of("a=b\n").contains("control character"));
    CHECK(error_of("a=b%0ac").contains("control character"));
    CHECK(error_of("a=%00").contains("control character"));
    CHECK(error_of("a=%7f").contains("control character"));
    CHECK(error_of("a=%C2%85").contains("control character"));
  }

  TEST_CASE("refuses a value that is not UTF-8") {
    for (const char* value : {"%ff", "\xff", "%c3", "%c3%28", "%c0%af", "%e0%80%af", "%ed%a0%80",
                              "%f4%90%80%80", "%f5%80%80%80", "%80", "%e2%82", "%f0%80%80%80", "%f0%9f%92"})
      CHECK_MESSAGE(error_of(std::string("a=") + value).contains("not UTF-8"), value);
    for (const char* value :
         {"%c2%a0", "%e0%a0%80", "%ed%9f%bf", "%ee%80%80", "%f0%90%80%80", "%f4%8f%bf%bf"})
      CHECK_MESSAGE(parse_attributes(std::string("a=") + value, "test"), value);
  }

  TEST_CASE("accepts 255 encoded characters and refuses 256") {
    CHECK(parse_attributes("a=" + std::string(255, 'x'), "test"));
    CHECK(error_of("a=" + std::string(256, 'x')).contains("255"));
    CHECK(parse_attributes("a=" + std::string(85, '.') + std::string(170, 'x'), "test"));
    CHECK(parse_attributes("a=" + std::string(85, ';'), "test"));
    CHECK(error_of("a=" + std::string(86, ';')).contains("255"));
    CHECK(parse_attributes(std::string(255, 'k') + "=x", "test"));
    CHECK(error_of(std::string(256, 'k') + "=x").contains("255"));
    CHECK(error_of("team=" + std::string(5000, 'x')).size() < 250);
  }

  TEST_CASE("takes an attribute of a map literally, including percent signs") {
    CHECK(check_attribute("team", "100% a,b=c", "policy")->value == "100% a,b=c");
    CHECK(encode_attributes(std::vector{*check_attribute("team", "a%20b", "policy")}) == "team=a%2520b");
    CHECK_FALSE(check_attribute("", "a", "policy"));
    CHECK_FALSE(check_attribute("a b", "a", "policy"));
    CHECK_FALSE(check_attribute("a", "b\n", "policy"));
    CHECK_FALSE(check_attribute("a", "\xff", "policy"));
    CHECK(check_attribute("team", std::string(300, 'x'), "policy").error().message.contains("'team'"));
  }

  TEST_CASE("shortens any text from a platform so that it fits") {
    CHECK_FALSE(automatic_attribute("a", "", "Fly"));
    CHECK_FALSE(automatic_attribute("a", "\n\x7f", "Fly"));
    CHECK(automatic_attribute("a", "b\nc\xff\xc2\x85 d", "Fly")->value == "bc d");
    CHECK(automatic_attribute("a", std::string(300, 'x'), "Fly")->value == std::string(255, 'x'));
    std::string euros;
    for (int i = 0; i < 100; ++i) euros += "€";
    CHECK(automatic_attribute("a", euros, "Fly")->value == euros.substr(0, 28 * 3));
    CHECK(automatic_attribute("a", std::string(254, 'x') + "é!", "Fly")->value == std::string(254, 'x'));
  }

  TEST_CASE("the strongest list wins, within a list the last entry; the result is sorted by key") {
    const auto merged =
        merge({{{"b", "auto", "Fly"}, {"c", "auto", "Fly"}},
               {{"b", "policy", "policy"}, {"d", "1", "policy"}},
               {{"a", "x", "user"}, {"d", "2", "user"}, {"d", "3", "user"}, {"D", "4", "user"}}});
    CHECK(merged == std::vector<Attribute>{{"D", "4", "user"},
                                           {"a", "x", "user"},
                                           {"b", "policy", "policy"},
                                           {"c", "auto", "Fly"},
                                           {"d", "3", "user"}});
    CHECK(merge({}).empty());
    CHECK(encode_attributes(merge({})).empty());
  }

  TEST_CASE("Claude Code reads back exactly what was merged") {
    std::mt19937 random(1);
    size_t accepted = 0;
    for (int round = 0; round < 4000; ++round) {
      std::vector<std::vector<Attribute>> lists(3);
      for (auto& list : lists) {
        for (size_t n = random() % 3; n > 0; --n) {
          const std::string key(1 + random() % 2, static_cast<char>('a' + random() % 3));
          if (auto attribute = automatic_attribute(key, random_value(random), "test"))
            list.push_back(*attribute);
        }
      }
      const std::string typed = "u=" + random_value(random) + ",v=" + random_value(random);
      if (auto user = parse_attributes(typed, "user")) lists.push_back(*user), ++accepted;
      const auto merged = merge(lists);
      Read expected;
      for (const auto& attribute : merged) expected[attribute.key] = attribute.value;
      CHECK(read_like_claude_code(encode_attributes(merged)) == expected);
    }
    CHECK(accepted > 20);
  }
}
