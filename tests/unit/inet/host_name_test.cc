#include "ostiary/inet/host_name.h"

#include <string>

#include <doctest/doctest.h>

using ostiary::inet::HostName;

TEST_SUITE("inet/host_name") {
  TEST_CASE("is lower case and without its trailing dot") {
    CHECK(HostName::parse("API.Anthropic.COM.")->text() == "api.anthropic.com");
    CHECK(HostName::parse("_api.internal")->text() == "_api.internal");
    CHECK(HostName::parse("collector")->text() == "collector");
  }

  TEST_CASE("accepts a name of 253 characters and refuses one of 254") {
    const std::string label(63, 'a');
    const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
    REQUIRE(longest.size() == 253);
    CHECK(HostName::parse(longest));
    CHECK_FALSE(HostName::parse(longest + "b"));
  }

  TEST_CASE("accepts a label of 63 characters and refuses one of 64") {
    CHECK(HostName::parse(std::string(63, 'a') + ".com"));
    CHECK_FALSE(HostName::parse(std::string(64, 'a') + ".com"));
  }

  TEST_CASE("refuses what is not a host name") {
    for (const char* text : {"", ".", "..", "a..b", ".a", "a b", "-a.com", "a-.com", "a.com..", "bücher.de",
                             "a,b", "a:b", "*.a.com", "a/b", "a\tb", "a\n"})
      CHECK_MESSAGE(!HostName::parse(text), text);
    CHECK_FALSE(HostName::parse(std::string_view("evil.com\0.good.com", 18)));
  }

  TEST_CASE("refuses texts that some resolvers read as an address") {
    for (const char* text :
         {"127.1", "0x7f.1", "0177.0.0.01", "2130706433", "a.0x7f", "1.2.3.4", "a.1", "0x"})
      CHECK_MESSAGE(!HostName::parse(text), text);
    CHECK(HostName::parse("1.2.3.4a"));
    CHECK(HostName::parse("0xfg.com"));
  }
}
