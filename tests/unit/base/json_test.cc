#include "ostiary/base/json.h"

#include <algorithm>
#include <ctime>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "outcome.h"

using ostiary::error_of;
using ostiary::Json;

namespace {

std::string nested(size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

std::string with_members(int count) {
  std::string text = "{\"0\":0";
  for (int i = 1; i < count; ++i) text += ",\"" + std::to_string(i) + "\":0";
  return text + "}";
}

// The processor time of the quickest of a few runs.
double time_of(int runs, auto work) {
  std::clock_t least = 0;
  for (int run = 0; run < runs; ++run) {
    const std::clock_t begin = std::clock();
    work();
    const std::clock_t taken = std::clock() - begin;
    least = run == 0 ? taken : std::min(least, taken);
  }
  return static_cast<double>(std::max<std::clock_t>(least, 1));
}

}  // namespace

TEST_SUITE("base/json") {
  TEST_CASE("a list in braces is an object if every element is a key with a value") {
    CHECK(Json{{"a", 1}, {"b", {1, 2}}}.compact() == R"({"a":1,"b":[1,2]})");
    CHECK(Json{{"range", {133, 136}}}.compact() == R"({"range":[133,136]})");
    CHECK(Json{{"flags", {"timeout"}}}.compact() == R"({"flags":["timeout"]})");
    CHECK(Json{"a", "b"}.compact() == R"(["a","b"])");
    CHECK(Json{{"a", 1}, {1, "a"}}.compact() == R"([["a",1],[1,"a"]])");
    CHECK(Json::array({{"a", 1}}).compact() == R"([["a",1]])");
  }

  TEST_CASE("values of every type have their text") {
    enum class Level : uint8_t { low, high };
    CHECK(Json().compact() == "null");
    CHECK(Json(true).compact() == "true");
    CHECK(Json(-1).compact() == "-1");
    CHECK(Json(UINT64_MAX).compact() == "18446744073709551615");
    CHECK(Json(INT64_MIN).compact() == "-9223372036854775808");
    CHECK(Json(Level::high).compact() == "1");
    CHECK(Json("a\"\n").compact() == R"("a\"\n")");
    CHECK(Json(std::vector<std::string>{"x", "y"}).compact() == R"(["x","y"])");
    CHECK(Json::array().compact() == "[]");
    CHECK(Json::object().compact() == "{}");
    CHECK(Json{{"a", Json::array()}, {"b", {1}}}.indented() == "{\n  \"a\": [],\n  \"b\": [\n    1\n  ]\n}");
  }

  TEST_CASE("octets that are not UTF-8 are replaced") {
    CHECK(Json("a\xff").compact() == "\"a\xef\xbf\xbd\"");
  }

  TEST_CASE("members keep the order in which they were added; a member that is there is replaced") {
    Json json = Json::object();
    json["z"] = 1;
    json["a"] = 2;
    json["z"] = 3;
    CHECK(json.compact() == R"({"z":3,"a":2})");
    REQUIRE(json.members().size() == 2);
    CHECK(json.members()[1].key == "a");
    CHECK(json.members()[1].value.number() == 2);
    CHECK(Json::array({1}).members().empty());
  }

  TEST_CASE("a text that is read is written the same") {
    for (const std::string text :
         {R"({"z":[1,-2,0.5,"x",null,true,{"deep":[[]]}],"a":{},"big":18446744073709551615,"é":"\u0000"})",
          R"([-9223372036854775808,1.8446744073709552e+19,1e-07,-0.0,2.0,1e+300,"\"\\\b\f\n\r\t\u001f/"])",
          R"("text")", "-7", "0.1", "false", "null", "{}", "[]"}) {
      const auto json = Json::parse(text);
      REQUIRE(json);
      CHECK(json->compact() == text);
    }
    const auto written_otherwise = Json::parse(R"([18446744073709551616,1E2,-0,"\/\u00e9\ud83d\ude00"])");
    REQUIRE(written_otherwise);
    CHECK(written_otherwise->compact() == "[1.8446744073709552e+19,100.0,0,\"/é😀\"]");
  }

  TEST_CASE("a NUL does not end the text early") {
    CHECK(error_of(Json::parse(std::string_view("{}\0{}", 5))) == "is not valid JSON");
  }

  TEST_CASE("of two members with one key the last counts") {
    const auto json = Json::parse(R"({"a":1,"a":2})");
    REQUIRE(json);
    CHECK(json->compact() == R"({"a":2})");
    const auto more =
        Json::parse(R"({"a":1,"b":{"x":1,"x":[2]},"a":[3],"c":4,"b":5,"":6,"a":{"a":7,"":8},"d":9})");
    REQUIRE(more);
    CHECK(more->compact() == R"({"a":{"a":7,"":8},"b":5,"c":4,"":6,"d":9})");
    CHECK(Json::parse(R"({"b":{"x":1,"y":0,"x":[2]}})")->compact() == R"({"b":{"x":[2],"y":0}})");
  }

  TEST_CASE("the time for an object grows with its members, not with their square") {
    constexpr int few = 1000;
    constexpr int growth = 16;
    const std::string small = with_members(few);
    const std::string large = with_members(few * growth);
    const auto less = Json::parse(small);
    const auto more = Json::parse(large);
    REQUIRE(less);
    REQUIRE(more);
    CHECK(more->compact() == large);
    const double reading =
        time_of(2, [&] { (void)Json::parse(large); }) / time_of(5, [&] { (void)Json::parse(small); });
    CHECK(reading < growth * 4);
    const double writing =
        time_of(2, [&] { (void)more->compact(); }) / time_of(5, [&] { (void)less->compact(); });
    CHECK(writing < growth * 4);
  }

  TEST_CASE("looking for another type finds nothing") {
    const auto json = Json::parse(R"({"text":"x","number":7,"negative":-7,"half":0.5,"list":[1]})");
    REQUIRE(json);
    CHECK(*json->find("text")->text() == "x");
    CHECK(json->find("number")->number() == 7);
    CHECK(json->find("list")->elements().size() == 1);
    CHECK(json->find("list")->is_array());
    CHECK(json->is_object());
    CHECK(json->find("none") == nullptr);
    CHECK(json->find("text")->find("x") == nullptr);
    CHECK(json->find("number")->text() == nullptr);
    CHECK(Json(5).number() == 5);
    CHECK_FALSE(Json(-5).number());
    for (const char* key : {"text", "negative", "half", "list"}) CHECK_FALSE(json->find(key)->number());
    CHECK(json->find("text")->elements().empty());
    CHECK_FALSE(json->find("text")->is_array());
  }

  TEST_CASE("a text that is not JSON, or nested too deep, is refused") {
    for (const char* text : {"", "{", "[1,]", "{\"a\"}", "1 2", "nul", "'a'", "[1] x", "1e999", "[1e999]",
                             "\"\xff\"", "[1,2", "{\"a\":1,}", "// none\n1"})
      CHECK_MESSAGE(!Json::parse(text), text);
    CHECK(Json::parse(nested(64)));
    CHECK(Json::parse(std::string(64, '[') + "1" + std::string(64, ']')));
    CHECK(error_of(Json::parse(nested(65))) == "is nested deeper than 64 levels");
    CHECK(error_of(Json::parse(nested(3), 2)) == "is nested deeper than 2 levels");
    CHECK(Json::parse(R"({"a":{"b":1}})", 2));
    CHECK_FALSE(Json::parse(R"({"a":{"b":{}}})", 2));
    CHECK_FALSE(Json::parse(std::string(1000000, '[')));
  }
}
