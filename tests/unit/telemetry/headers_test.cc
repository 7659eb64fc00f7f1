#include "telemetry/headers.h"

#include <map>
#include <random>
#include <string>

#include <doctest/doctest.h>

#include "freed_memory.h"

using namespace ostiary::telemetry;
using ostiary::Secret;

namespace {

std::string error_of(std::string_view list) {
  auto headers = parse_headers(list);
  REQUIRE_MESSAGE(!headers, list);
  CHECK(headers.error().exit == ostiary::Exit::configuration);
  return headers.error().message;
}

std::string value_of(std::string_view list) {
  auto headers = parse_headers(list);
  REQUIRE_MESSAGE(headers, list);
  REQUIRE(headers->size() == 1);
  return std::string(headers->front().value.reveal());
}

std::string trim_like_javascript(std::string text) {
  const char* blanks = " \t\n\v\f\r";
  text.erase(0, std::min(text.find_first_not_of(blanks), text.size()));
  text.erase(text.find_last_not_of(blanks) + 1);
  return text;
}

// Claude Code's parser: it splits at ',' and the first '=', trims, and does not decode.
std::map<std::string, std::string> read_like_claude_code(const std::string& list) {
  std::map<std::string, std::string> headers;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    const std::string pair = list.substr(begin, end - begin);
    if (const size_t equals = pair.find('='); equals != std::string::npos)
      headers[trim_like_javascript(pair.substr(0, equals))] = trim_like_javascript(pair.substr(equals + 1));
    begin = end + 1;
  }
  return headers;
}

}  // namespace

TEST_SUITE("telemetry/headers") {
  TEST_CASE("reads names and values, trimmed, split at the first '='") {
    const auto headers = parse_headers(" x-a = 1 ,Authorization=Basic dTpw==,x-b=a=b");
    REQUIRE(headers);
    REQUIRE(headers->size() == 3);
    CHECK((*headers)[0].name == "x-a");
    CHECK((*headers)[0].value.reveal() == "1");
    CHECK((*headers)[1].value.reveal() == "Basic dTpw==");
    CHECK((*headers)[2].value.reveal() == "a=b");
    CHECK(parse_headers("")->empty());
    CHECK(parse_headers("  ")->empty());
  }

  TEST_CASE("decodes a value, as Grafana's snippets need it") {
    CHECK(value_of("Authorization=Basic%20abc%3D%3d") == "Basic abc==");
    CHECK(value_of("a=100%25") == "100%");
    CHECK(value_of("a=%20b%20") == "b");
    CHECK(value_of("a=%2520") == "%20");
  }

  TEST_CASE("the error names a wrong header by its position, without showing it") {
    for (const char* list :
         {"a=1,,b=hunter2",  "a=hunter2,",        "hunter2",      "a=1,Basic hunter2", "=hunter2",
          "a b=hunter2",     "(hunter2)=x",       "hunter2==",    "hunter2=",          "x=hunter2%",
          "x=hunter2%2",     "x=hunter2%zz",      "x=hunter2%0a", "x=hunter2%2Cy",     "x=hunter2\n",
          "x=hunter2%C3%BC", "x=hunter2\xc3\xbc", "x=hunter2%00", "x=hunter2\x7f",     "x=1,X=hunter2"})
      CHECK_MESSAGE(!error_of(list).contains("hunter2"), list);
    // The text after a comma in a secret looks like a name.
    for (const char* list : {"a=x,hunter2=100%", "a=x,hunter2=y,hunter2=z"})
      CHECK_MESSAGE(!error_of(list).contains("hunter2"), list);
    CHECK(error_of("a=1,,b=2").contains("header 2 is empty"));
    CHECK(error_of("a=1,").contains("header 2 is empty"));
    CHECK(error_of("a=1,b").contains("header 2 has no '='"));
    CHECK(error_of("=b").contains("header 1 has no HTTP header name"));
    CHECK(error_of("a=").contains("header 1 has no value"));
    CHECK(error_of("a=%20").contains("header 1 has no value"));
    CHECK(error_of("x-key=50%").contains("header 1 has a '%'"));
    CHECK(error_of("x-key=50%").contains("write %25"));
    CHECK(error_of("x-key=a%2Cb").contains("comma"));
    CHECK(error_of("x-key=a%0Ab").contains("control character"));
    CHECK(error_of("x-key=1,X-Key=2").contains("header 2 has the name of an earlier one"));
  }

  TEST_CASE("checks a header of a map in the same way") {
    CHECK(make_header("Authorization", Secret("Basic%20abc"))->value.reveal() == "Basic abc");
    CHECK(make_header("x-a", Secret(" b "))->value.reveal() == "b");
    CHECK_FALSE(make_header("", Secret("b")));
    CHECK_FALSE(make_header("a b", Secret("b")));
    CHECK_FALSE(make_header("a", Secret("")));
    CHECK_FALSE(make_header("a", Secret("b,c")));
    CHECK_FALSE(make_header("a", Secret("b\nc")));
    CHECK(make_header("x-a", Secret("hunter2%")).error().message.starts_with("a header has a '%'"));
    CHECK_FALSE(make_header("x-a", Secret("hunter2%")).error().message.contains("hunter2"));
    CHECK_FALSE(make_header("hunter2", Secret("")).error().message.contains("hunter2"));
  }

  TEST_CASE("Claude Code reads back every header that was accepted") {
    constexpr std::string_view letters = "ab \t%2520%3D==%zz,\n~\"'\\;:/é";
    std::mt19937 random(1);
    size_t accepted = 0;
    for (int round = 0; round < 5000; ++round) {
      std::vector<Header> headers;
      std::map<std::string, std::string> expected;
      for (size_t i = random() % 4; i > 0; --i) {
        std::string value = "v";
        for (size_t n = random() % 8; n > 0; --n) value += letters[random() % letters.size()];
        auto header = make_header("x-" + std::to_string(i), Secret(std::move(value)));
        if (!header) continue;
        ++accepted;
        expected[header->name] = header->value.reveal();
        headers.push_back(*std::move(header));
      }
      CHECK(read_like_claude_code(std::string(encode_headers(headers).reveal())) == expected);
    }
    CHECK(accepted > 500);
  }

  TEST_CASE("writes a list with literal spaces") {
    auto headers = parse_headers("Authorization=Basic%20abc, x-a=b%20c");
    REQUIRE(headers);
    CHECK(encode_headers(*headers).reveal() == "Authorization=Basic abc,x-a=b c");
    CHECK(encode_headers({}).empty());
  }

  TEST_CASE("writes basic credentials in one line of base64") {
    const auto encoded = [](std::string_view user, const char* password) {
      return std::string(basic_authorization(user, Secret(password)).reveal());
    };
    CHECK(encoded("", "") == "Basic Og==");
    CHECK(encoded("a", "") == "Basic YTo=");
    CHECK(encoded("a", "b") == "Basic YTpi");
    CHECK(encoded("123456", "glc_secret") == "Basic MTIzNDU2OmdsY19zZWNyZXQ=");
    CHECK(encoded("a", "\xff\xfe\xfd?>") == "Basic YTr//v0/Pg==");
    CHECK(encoded("u", std::string(300, 'x').c_str()).size() == 6 + 404);
    CHECK_FALSE(encoded("u", std::string(300, 'x').c_str()).contains('\n'));
  }

  TEST_CASE("writes a list as the lines of a request") {
    const auto lines = [](const char* list) {
      return std::string(header_lines(encode_headers(*parse_headers(list))).reveal());
    };
    CHECK(lines("") == "");
    CHECK(lines("a=b") == "a: b\r\n");
    CHECK(lines("Authorization=Basic%20YTo=,x-scope=a%3db=") ==
          "Authorization: Basic YTo=\r\nx-scope: a=b=\r\n");
  }

  TEST_CASE("neither the list nor its lines leave a secret in freed memory") {
    const std::string list =
        "x-a=hunter2-hunter2-hunter2,x-b=hunter2-hunter2-hunter2,x-c=hunter2-hunter2-hunter2";
    const ostiary::testing::FreedMemory freed("hunter2-hunter2");
    {
      const Secret lines = header_lines(encode_headers(*parse_headers(list)));
    }
    CHECK(freed.count() == 0);
  }

  TEST_CASE("a field that each request has anyway is refused, in any case") {
    for (const char* name : {"Host", "content-length", "Transfer-Encoding", "connection", "Content-Type"}) {
      const auto headers = parse_headers("x-scope=a," + std::string(name) + "=b");
      REQUIRE_FALSE(headers);
      CHECK(headers.error().message.starts_with("header 2 is "));
      CHECK(headers.error().message.ends_with(", which the request has anyway: leave it out"));
      CHECK_FALSE(make_header(name, Secret("b")));
    }
    CHECK(parse_headers("x-host=a"));
  }

  TEST_CASE("for gRPC a percent sign and a semicolon are encoded, because Claude Code decodes them there") {
    CHECK(escape_for_grpc(Secret("a=x%20;y,b=Basic dTpw==")).reveal() == "a=x%2520%3By,b=Basic dTpw==");
  }
}
