#include "connect/settings_text.h"

#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "outcome.h"

using namespace ostiary;
using namespace ostiary::connect;
using Json = nlohmann::ordered_json;

namespace {

Change set(Path path, const std::string& value) {
  return {.path = std::move(path), .value = Secret(value)};
}

Change take_out(Path path) {
  return {.path = std::move(path), .value = {}};
}

template <typename... Changes>
Result<Secret> applied(std::string_view text, Changes... changes) {
  std::vector<Change> all;
  (all.push_back(std::move(changes)), ...);
  return apply_changes(text, all);
}

template <typename... Changes>
std::string good(std::string_view text, Changes... changes) {
  const auto changed = applied(text, std::move(changes)...);
  REQUIRE_MESSAGE(changed, error_of(changed));
  CHECK_MESSAGE(Json::accept(changed->reveal()), changed->reveal());
  return std::string(changed->reveal());
}

std::string refusal(std::string_view text) {
  return error_of(applied(text, set({"env", "A"}, "1")));
}

// The text after the way back, and what was kept.
std::pair<std::string, std::string> back(std::string_view before, std::string_view after,
                                         std::string_view now) {
  const auto way = find_way_back(before, after, now);
  REQUIRE_MESSAGE(way, error_of(way));
  std::string kept;
  for (const Path& path : way->kept) kept += text(path) + "\n";
  const auto changed = apply_changes(now, way->changes);
  REQUIRE_MESSAGE(changed, error_of(changed));
  return {std::string(changed->reveal()), kept};
}

}  // namespace

TEST_SUITE("connect/settings_text") {
  TEST_CASE("a new member comes last, with the indent of those before it") {
    CHECK(good("{\n    \"b\": 1,\n    \"a\": 2\n}\n", set({"c"}, "3")) ==
          "{\n    \"b\": 1,\n    \"a\": 2,\n    \"c\": 3\n}\n");
    CHECK(good("{\"a\":1}", set({"c"}, "3")) == "{\"a\":1, \"c\": 3}");
    CHECK(good("{ \"a\": 1 }", set({"c"}, "3")) == "{ \"a\": 1, \"c\": 3 }");
    CHECK(good("{\r\n\t\"a\": 1\r\n}", set({"c"}, "3")) == "{\r\n\t\"a\": 1,\r\n\t\"c\": 3\r\n}");
  }

  TEST_CASE("an object on the way is made, with the indent of the file") {
    CHECK(good("{}\n", set({"env", "A"}, "\"x\""), set({"env", "B"}, "\"y\"")) ==
          "{\n  \"env\": {\n    \"A\": \"x\",\n    \"B\": \"y\"\n  }\n}\n");
    CHECK(good("{\n\t\"a\": 1\n}", set({"env", "A"}, "\"x\"")) ==
          "{\n\t\"a\": 1,\n\t\"env\": {\n\t\t\"A\": \"x\"\n\t}\n}");
    CHECK(good("{\r\n  \"env\": {}\r\n}", set({"env", "A"}, "\"x\"")) ==
          "{\r\n  \"env\": {\r\n    \"A\": \"x\"\r\n  }\r\n}");
    CHECK(good("{}", set({"a", "b", "c"}, "1")) ==
          "{\n  \"a\": {\n    \"b\": {\n      \"c\": 1\n    }\n  }\n}");
  }

  TEST_CASE("a member that is there keeps its place, and all others their octets") {
    const std::string text =
        "\xef\xbb\xbf { \"big\": 12345678901234567890123, \"f\": 1.50e+3 ,\n\"u\": \"\\u00e9\\/\",\"env\" "
        ":{\"A\":1 "
        ", \"B\"\t:\n[ {\"env\": 1} ]} ,\"z\":null}  ";
    std::string expected = text;
    expected.replace(expected.find("\"A\":1"), 5, "\"A\":\"x\"");
    CHECK(good(text, set({"env", "A"}, "\"x\"")) == expected);
    expected = text;
    expected.replace(expected.find("[ {"), 14, "2");
    CHECK(good(text, set({"env", "B"}, "2")) == expected);
    expected = text;
    expected.replace(expected.find("12345"), 23, "7");
    CHECK(good(text, set({"big"}, "7")) == expected);
  }

  TEST_CASE("a member is taken out with its comma") {
    const std::string_view text = "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}";
    CHECK(good(text, take_out({"a"})) == "{\n  \"b\": 2,\n  \"c\": 3\n}");
    CHECK(good(text, take_out({"b"})) == "{\n  \"a\": 1,\n  \"c\": 3\n}");
    CHECK(good(text, take_out({"c"})) == "{\n  \"a\": 1,\n  \"b\": 2\n}");
    CHECK(good("{\n  \"a\": 1\n}", take_out({"a"})) == "{}");
    CHECK(good(text, take_out({"d"}), take_out({"env", "d"})) == text);
  }

  TEST_CASE("what is not JSON is refused with its line and column") {
    CHECK(refusal("{\n  \"a\": 1,\n}") ==
          "line 3, column 1: is not valid JSON: unexpected '}'; expected string literal: take out the comma "
          "before it");
    CHECK(refusal("{\n  \"a\": x\n}").starts_with("line 2, column 8: is not valid JSON: invalid literal"));
    CHECK(refusal("{\n  // no\n}").ends_with(": write a string in double quotes, and take out comments"));
    CHECK(refusal("{\n  \"a\": 1").starts_with("line 2, column 8: is not valid JSON: unexpected end"));
    CHECK(refusal("") == "line 1: is empty: write {} for no settings");
    CHECK(refusal("[]") == "line 1: is an array: write the settings as an object in braces");
    CHECK(refusal("{\n\"env\": \"x\"}") == "line 2: env is a string: write an object in braces");
    CHECK(refusal("{\"a\": 1,\n\"a\": 2}").starts_with("line 2: key \"a\" is already on line 1"));
  }

  TEST_CASE("the way back takes out what was added, and restores what was replaced") {
    const std::string before =
        "{\n  \"model\": \"x\",\n  \"env\": {\n    \"OLD\": \"1\",\n    \"A\": \"mine\"\n  }\n}\n";
    const std::string after = good(before, set({"env", "A"}, "\"ours\""), set({"env", "B"}, "\"ours\""),
                                   take_out({"env", "OLD"}), set({"hooks", "S"}, "[1]"));
    CHECK(back(before, after, after).first == before);
    const std::string now = good(after, set({"model"}, "\"y\""), set({"env", "THEIRS"}, "\"2\""));
    const auto [text, kept] = back(before, after, now);
    CHECK(text ==
          "{\n  \"model\": \"y\",\n  \"env\": {\n    \"A\": \"mine\",\n    \"THEIRS\": \"2\",\n    \"OLD\": "
          "\"1\"\n  }\n}\n");
    CHECK(kept.empty());
  }

  TEST_CASE("the way back keeps what was changed since, and names it") {
    const std::string before = "{\"a\": 1}";
    const std::string after = good(before, set({"env", "A"}, "\"ours\""), set({"env", "B"}, "\"ours\""));
    const auto [text, kept] = back(before, after, good(after, set({"env", "A"}, "\"theirs\"")));
    CHECK(kept == "env.A\n");
    CHECK(Json::parse(text) == Json::parse(R"({"a": 1, "env": {"A": "theirs"}})"));
  }

  TEST_CASE("the way back leaves no empty object that was not there, however the text is written now") {
    const std::string before = "{\"a\": 1}";
    const std::string after =
        good(before, set({"env", "A"}, "\"ours\""), set({"hooks", "S"}, "[ {\"x\": 1} ]"));
    const std::string now = Json::parse(good(after, set({"b"}, "2"))).dump(4);
    CHECK(back(before, after, now).first == "{\n    \"a\": 1,\n    \"b\": 2\n}");
    CHECK(back(before, after, "{\"a\": 1, \"env\": {}}") ==
          std::pair<std::string, std::string>("{\"a\": 1}", ""));
    CHECK(back("{\"env\": {}}", "{\"env\": {\"A\": 1}}", "{\"env\": {\"A\": 1}, \"b\": 1}").first ==
          "{\"env\": {}, \"b\": 1}");
  }

  TEST_CASE("finds a value and the keys of an object") {
    const std::string_view text = R"({"env": {"A": "x", "B": [1]}, "c": 1})";
    CHECK((*find_value(text, {"env", "B"}))->reveal() == "[1]");
    CHECK_FALSE(*find_value(text, {"env", "C"}));
    CHECK_FALSE(*find_value(text, {"no", "C"}));
    CHECK(*keys_of(text, {"env"}) == std::vector<std::string>{"A", "B"});
    CHECK(keys_of(text, {"c"})->empty());
    CHECK(keys_of(text, {"d"})->empty());
  }

  TEST_CASE("a string is quoted as JSON") {
    CHECK(json_string("a\"b\\c ü").reveal() == R"("a\"b\\c ü")");
  }
}
