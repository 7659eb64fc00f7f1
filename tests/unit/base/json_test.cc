#include "ostiary/base/json.h"

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
  }

  TEST_CASE("a text that is read is written the same") {
    const std::string text =
        R"({"z":[1,-2,0.5,"x",null,true,{"deep":[[]]}],"a":{},"big":18446744073709551615,"é":"\u0000"})";
    const auto json = Json::parse(text);
    REQUIRE(json);
    CHECK(json->compact() == text);
  }

  TEST_CASE("a NUL does not end the text early") {
    CHECK(error_of(Json::parse(std::string_view("{}\0{}", 5))) == "is not valid JSON");
  }

  TEST_CASE("of two members with one key the last counts") {
    const auto json = Json::parse(R"({"a":1,"a":2})");
    REQUIRE(json);
    CHECK(json->compact() == R"({"a":2})");
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
    for (const char* text : {"", "{", "[1,]", "{\"a\"}", "1 2", "nul", "'a'", "[1] x"})
      CHECK_MESSAGE(!Json::parse(text), text);
    CHECK(Json::parse(nested(64)));
    CHECK(Json::parse(std::string(64, '[') + "1" + std::string(64, ']')));
    CHECK_FALSE(Json::parse(nested(65)));
    CHECK_FALSE(Json::parse(std::string(1000000, '[')));
  }
}
