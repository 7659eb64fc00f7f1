#include "ostiary/inet/destination.h"

#include <doctest/doctest.h>

using namespace ostiary::inet;

TEST_SUITE("inet/destination") {
  TEST_CASE("writes an IPv6 address in brackets") {
    CHECK(text(Destination{*parse_host("2001:db8::1"), 4317}) == "[2001:db8::1]:4317");
    CHECK(text(Destination{*parse_host("192.0.2.1"), 80}) == "192.0.2.1:80");
    CHECK(text(Destination{*parse_host("Example.com"), 443}) == "example.com:443");
  }

  TEST_CASE("accepts only ports from 1 to 65535") {
    CHECK(parse_port("1") == 1);
    CHECK(parse_port("65535") == 65535);
    for (const char* port :
         {"", "0", "65536", "70000", "-1", "+1", " 1", "1 ", "0x1", "4e2", "99999999999999999999"})
      CHECK_MESSAGE(!parse_port(port), port);
    CHECK(parse_port("HTTPS").error().message == "is not a port from 1 to 65535: write 443");
    CHECK(parse_port("smtps").error().message == "is not a port from 1 to 65535");
  }
}
