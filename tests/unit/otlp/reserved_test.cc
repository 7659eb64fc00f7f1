#include "ostiary/otlp/reserved.h"

#include <string>

#include <doctest/doctest.h>

#include "messages.h"

using namespace ostiary::otlp;
using namespace ostiary::otlp::testing;

namespace {

bool claims(std::string_view request) {
  const auto verdict = claims_name(request, "ostiary");
  REQUIRE(verdict.has_value());
  return *verdict;
}

bool is_malformed(std::string_view request) {
  return !claims_name(request, "ostiary").has_value();
}

std::string scope(std::string_view name) {
  return field(1, field(1, name) + field(2, "1.0")) + field(2, "item");
}

std::string of_resource(std::string_view resource) {
  return block(resource, "");
}

constexpr std::string_view claiming[] = {"ostiary",     "Ostiary",       "OSTIARY",       " ostiary",
                                         "ostiary\n",   "ostiary.",      "osti-ary",      "o_s_t_i_a_r_y",
                                         "\"ostiary\"", "ostiary\u200b", "ostiary\u00a0", "ostiary\xff"};
constexpr std::string_view others[] = {"",
                                       "claude-code",
                                       "ostiary.gate",
                                       "my-ostiary",
                                       "ostiary2",
                                       "ostiar",
                                       "com.anthropic.claude_code.events"};

}  // namespace

TEST_SUITE("otlp/reserved") {
  TEST_CASE("a scope claims the name in every spelling that looks like it") {
    for (const std::string_view name : claiming) CHECK_MESSAGE(claims(block("", scope(name))), name);
    for (const std::string_view name : others) CHECK_MESSAGE(!claims(block("", scope(name))), name);
    CHECK(claims(block("", field(1, field(1, std::string_view("osti\0ary", 8))))));
  }

  TEST_CASE("the scope is found wherever it stands, also beside others") {
    const std::string innocent = scope("a");
    CHECK(claims(block("", innocent) + field(1, field(2, innocent) + field(2, scope("ostiary")))));
    CHECK(claims(block("", scope("ostiary") + field(1, field(1, "a")))));
    CHECK(claims(block("", field(1, field(1, "ostiary") + field(1, "a")))));
    CHECK_FALSE(claims(block("", innocent + field(3, "ostiary"))));
    CHECK_FALSE(claims(block(attribute("a", "ostiary"), field(2, field(1, "ostiary")))));
  }

  TEST_CASE("a resource claims the name as the service") {
    for (const std::string_view name : claiming)
      CHECK_MESSAGE(claims(of_resource(attribute("service.name", name))), name);
    for (const std::string_view name : others)
      CHECK_MESSAGE(!claims(of_resource(attribute("service.name", name))), name);
    for (const char* key : {"service_name", "Service.Name", "service-name"})
      CHECK_MESSAGE(claims(of_resource(attribute(key, "ostiary"))), key);
    CHECK(claims(of_resource(field(1, field(1, "service.name") + field(2, field(7, "ostiary"))))));
    CHECK_FALSE(claims(of_resource(field(1, field(1, "service.name") + field(2, number_field(3, 5))))));
    CHECK_FALSE(claims(of_resource(attribute("service.namespace", "ostiary"))));
    CHECK(claims(field(1, field(1, attribute("service.name", "ostiary")))));
  }

  TEST_CASE("a request that is malformed down to a scope's name is malformed") {
    CHECK_FALSE(claims(""));
    CHECK(is_malformed("{}"));
    CHECK(is_malformed(block("", number_field(1, 5))));
    CHECK(is_malformed(block("", field(1, number_field(1, 5)))));
    CHECK(is_malformed(block("", "ostiary")));
    CHECK(is_malformed(of_resource(attribute("service.name", "a") + field(1, number_field(1, 1)))));
    CHECK(is_malformed(of_resource(field(1, field(1, "service.name") + field(2, number_field(1, 5))))));
  }
}
