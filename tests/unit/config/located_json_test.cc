#include "ostiary/config/located_json.h"

#include <array>

#include <doctest/doctest.h>

using namespace ostiary::config;

namespace {

std::string error_of(std::string_view text) {
  const auto result = parse_located(text);
  return result ? "no error" : result.error().message;
}

template <typename T>
std::string message(const ostiary::Result<T>& result) {
  return result ? "no error" : result.error().message;
}

}  // namespace

TEST_SUITE("config/located_json") {
  TEST_CASE("every value knows its line") {
    const auto root = parse_located(
        "// comment\n{\n \"a\": 1\n, \"b\":\n -2.5,\n\"c\": [7\n,\n8],\n/* two\nlines */"
        "\"d\": {\"e\":\n\"x\"},\r\n\"f\": true,\n\"g\": null\n}\n");
    REQUIRE_MESSAGE(root, message(root));
    CHECK(root->line() == 2);
    CHECK(root->find("a")->line() == 3);
    CHECK(root->find("b")->line() == 5);
    const auto c = *root->find("c")->array();
    CHECK(c[0].line() == 6);
    CHECK(c[1].line() == 8);
    CHECK(root->find("d")->line() == 10);
    CHECK(root->find("d")->find("e")->line() == 11);
    CHECK(root->find("f")->line() == 12);
    CHECK(root->find("g")->line() == 13);
    CHECK((*root->object())[1].line == 4);
    CHECK(root->find("z") == nullptr);
    CHECK(c[0].find("z") == nullptr);
  }

  TEST_CASE("a number at the end of the text is on its line") {
    CHECK(parse_located("\n\n17")->line() == 3);
    CHECK(parse_located("\n\n17\n\n")->line() == 3);
  }

  TEST_CASE("members keep the order of the text") {
    const auto root = parse_located(R"({"z": 1, "a": 2, "m": 3})");
    const auto members = *root->object();
    REQUIRE(members.size() == 3);
    CHECK(members[0].name == "z");
    CHECK(members[1].name == "a");
    CHECK(members[2].name == "m");
  }

  TEST_CASE("returns each kind of value") {
    const auto root = parse_located(R"([null, true, -5, 9223372036854775807, 0.5, "ü\u00e9", [], {}])");
    const auto items = *root->array();
    CHECK(items[0].kind() == Kind::null);
    CHECK(items[1].boolean() == true);
    CHECK(items[2].integer(-5, 5) == -5);
    CHECK(items[3].integer(0, INT64_MAX) == INT64_MAX);
    CHECK(items[4].kind() == Kind::number);
    CHECK(items[5].string() == "üé");
    CHECK(items[6].array()->empty());
    CHECK(items[7].object()->empty());
  }

  TEST_CASE("an error says the actual and the expected type") {
    const auto root = parse_located("[\n\"secret\", {}, 70000, 1.5, 18446744073709551615, 1e300]");
    const auto items = *root->array();
    CHECK(message(items[0].object()) == "line 2: is a string: write an object");
    CHECK(message(items[1].string()) == "line 2: is an object: write a string");
    CHECK(message(items[1].boolean()) == "line 2: is an object: write true or false");
    CHECK(message(items[0].integer(1, 65535)) == "line 2: is a string: write a whole number from 1 to 65535");
    CHECK(message(items[2].integer(1, 65535)) == "line 2: is not a whole number from 1 to 65535");
    CHECK_FALSE(items[3].integer(INT64_MIN, INT64_MAX));
    CHECK_FALSE(items[4].integer(INT64_MIN, INT64_MAX));
    CHECK_FALSE(items[5].integer(INT64_MIN, INT64_MAX));
    CHECK(message(root->array()) == "no error");
    CHECK(items[0].error("is wrong").exit == ostiary::Exit::configuration);
  }

  TEST_CASE("the error for an unknown key names the closest one") {
    constexpr std::array<std::string_view, 2> keys{"allow", "hold"};
    CHECK(message(parse_located("{\"allow\": 1,\n\"hold\": 2}")->only_keys(keys)) == "no error");
    CHECK(message(parse_located("{\"hold\": 1,\n\"alow\": 2}")->only_keys(keys)) ==
          R"(line 2: unknown key "alow": did you mean "allow"?)");
    CHECK(message(parse_located("{\"something\": 1}")->only_keys(keys)) ==
          R"(line 1: unknown key "something": the keys are allow, hold)");
    CHECK(message(parse_located("[]")->only_keys(keys)) == "line 1: is an array: write an object");
  }

  TEST_CASE("refuses a duplicate key, and names both lines") {
    CHECK(error_of("{\n\"a\": 1,\n\"b\": 2,\n\"a\": 3}") ==
          R"(line 4: key "a" is already on line 2; keep one of them)");
    CHECK(error_of(R"({"x": {"a": 1}, "y": {"a": 1}})") == "no error");
    CHECK(error_of(R"([{"a": 1, "\u0061": 1}])").starts_with("line 1: key \"a\" is already"));
  }

  TEST_CASE("accepts 64 levels and refuses 65") {
    CHECK(error_of(std::string(64, '[') + std::string(64, ']')) == "no error");
    CHECK(error_of("\n" + std::string(65, '[') + std::string(65, ']')) ==
          "line 2: is nested deeper than 64 levels");
    CHECK(error_of(std::string(500000, '[')).starts_with("line 1: is nested"));
  }

  TEST_CASE("accepts 1 MiB and refuses one octet more") {
    CHECK(error_of("[" + std::string((1U << 20U) - 2, ' ') + "]") == "no error");
    CHECK(error_of("[" + std::string((1U << 20U) - 1, ' ') + "]") == "line 1: is longer than 1 MiB");
  }

  TEST_CASE("a syntax error names its line and does not repeat the text") {
    CHECK(error_of("{\n\"a\": 1,\n}") ==
          "line 3: is not valid JSON: unexpected '}'; expected string literal: take out the comma before it");
    for (const char* text :
         {"{\n\"a\": \"hunter2}", "{\n\"a\": \"hunter2\n\"}", "{\n\"hunter2\" 1}", "[\nhunter2]",
          "[\n\"hunter2\\q\"]", "[\n\"hunter2\\ud800\"]", "[\n\"hunter2\xff\"]", "[\n\"hunter2\xc0\xaf\"]",
          "[\n\"hunter2\xed\xa0\x80\"]", "[\n\"hunter2\\u0000\"]", "[\n1e999]",
          "[\n\"hunter2\" \"; last read\"]", "[\n01]", "[\n'hunter2']", "[\n\xef\xbb\xbf]"}) {
      const std::string error = error_of(text);
      CHECK_MESSAGE(error.starts_with("line 2: "), error);
      CHECK_MESSAGE(!error.contains("hunter2"), error);
      CHECK_MESSAGE(!error.contains('\n'), error);
    }
    for (const char* text : {"{} {}", "{", "[", "/*", "nul", "\"", "\\"}) {
      const std::string error = error_of(text);
      CHECK_MESSAGE(error.starts_with("line 1: is not valid JSON"), error);
    }
  }

  TEST_CASE("the error for a common mistake says what to write instead") {
    for (const char* text : {"", "   ", "// nothing"})
      CHECK(error_of(text) == "line 1: is empty: write {} for no settings");
    for (const char* text : {"[1,]", "{\"a\": 1,}", "{\"a\": [1, 2, ]}"})
      CHECK_MESSAGE(error_of(text).ends_with(": take out the comma before it"), error_of(text));
    for (const char* text : {"[\"a\" \"b\"]", "{\"a\": 1 \"b\": 2}", "[[] []]"})
      CHECK_MESSAGE(error_of(text).ends_with(": is there a comma missing before it?"), error_of(text));
    for (const char* text : {"['a']", "# no comment\n{}", "{a: 1}", "user: node"})
      CHECK_MESSAGE(error_of(text).ends_with(" a string in double quotes, and a comment after //"),
                    error_of(text));
    CHECK(error_of("off").contains(": write an object in braces,"));
    for (const char* text : {"[1", "{\"a\": ]", "[1}"})
      CHECK_MESSAGE(!error_of(text).contains("comma"), error_of(text));
  }

  TEST_CASE(
      "the error for a string without its closing quote, or with a control character, says what to do") {
    for (const char* text : {"{\n\"allow\": [\"example.com],\n\"b\": 1}",
                             "{\n\"allow\": [\"example.com],\r\n}", "{\n\"allow\": [\"example.com]"})
      CHECK(
          error_of(text) ==
          "line 2: is not valid JSON: the string that begins here has no closing quote: write a \" after it");
    CHECK(error_of("[\"a\tb\"]") == "line 1: is not valid JSON: a string holds a tab: take out the tab");
    CHECK(error_of("[\"a\x01\"]") ==
          "line 1: is not valid JSON: a string holds a control character: take it out");
  }

  TEST_CASE("every prefix of a text is refused or valid") {
    const std::string_view text = "{\"a\": [1, -2.5e3, \"\\u00e9\", null], // c\n\"b\": {\"c\": false}}";
    for (size_t length = 0; length < text.size(); ++length)
      CHECK_FALSE(parse_located(text.substr(0, length)));
    CHECK(parse_located(text));
  }

  TEST_CASE("a NUL does not end the text early") {
    using namespace std::string_view_literals;
    CHECK(error_of("{}\0{\n"sv) == "line 1: holds a NUL; take it out");
    CHECK(error_of("{\n\"a\": 1\n}\n\0"sv) == "line 4: holds a NUL; take it out");
    CHECK(error_of("[1, // comment\0\n2]"sv) == "line 1: holds a NUL; take it out");
  }

  TEST_CASE("every value and name knows its end in the text") {
    const std::string_view text = "{ \"a\": -1.5 ,\"b\":[true,7],\"c\" : \"x\\\"\", \"d\":{}}";
    const auto root = parse_located(text, Comments::refused);
    REQUIRE_MESSAGE(root, message(root));
    const auto until = [&](size_t end) { return text.substr(0, end); };
    CHECK(root->end() == text.size());
    CHECK(until(root->find("a")->end()).ends_with("-1.5"));
    CHECK(until(root->find("b")->end()).ends_with("7]"));
    CHECK(until((*root->find("b")->array())[0].end()).ends_with("true"));
    CHECK(until((*root->find("b")->array())[1].end()).ends_with("7"));
    CHECK(until(root->find("c")->end()).ends_with("\"x\\\"\""));
    CHECK(until(root->find("d")->end()).ends_with("{}"));
    CHECK(until((*root->object())[2].name_end).ends_with("\"c\""));
  }

  TEST_CASE("without comments an error of syntax has its column") {
    const auto error = [](std::string_view written) {
      return message(parse_located(written, Comments::refused));
    };
    CHECK(
        error("{\n // x\n}") ==
        "line 2, column 2: is not valid JSON: invalid literal: write a string in double quotes, and take out "
        "comments");
    CHECK(error("{\"a\": 1 \"b\"}").starts_with("line 1, column 11: is not valid JSON: "));
    CHECK(error("{}") == "no error");
  }
}
