#include "ostiary/upstream/server.h"

#include <string>

#include <doctest/doctest.h>

using namespace ostiary::upstream;
using ostiary::inet::IpAddress;

namespace {

Server server(const char* address, uint16_t port = 53) {
  return {.address = *IpAddress::parse(address), .port = port, .zone = {}};
}

}  // namespace

TEST_SUITE("upstream/server") {
  TEST_CASE("reads addresses of both families, with and without a port") {
    CHECK(*parse_server("192.0.2.53") == server("192.0.2.53"));
    CHECK(*parse_server("192.0.2.53:5353") == server("192.0.2.53", 5353));
    CHECK(*parse_server("2001:db8::53") == server("2001:db8::53"));
    CHECK(*parse_server("[2001:db8::53]") == server("2001:db8::53"));
    CHECK(*parse_server("[2001:db8::53]:5353") == server("2001:db8::53", 5353));
    CHECK(*parse_server("::1") == server("::1"));
  }

  TEST_CASE("reads a link-local address only with its interface") {
    const Server link_local{.address = *IpAddress::parse("fe80::53"), .port = 5353, .zone = "eth0.7"};
    CHECK(*parse_server("[fe80::53%eth0.7]:5353") == link_local);
    CHECK(parse_server("fe80::53%eth0.7")->zone == "eth0.7");
    for (const char* written : {"fe80::53", "[fe80::53]:53", "fe80::53%", "fe80::53%eth0,192.0.2.1",
                                "fe80::53%a-name-that-is-too-long", "fe80::53%e/0"}) {
      const auto refused = parse_server(written);
      REQUIRE_MESSAGE(!refused, written);
      CHECK(refused.error().message.contains("fe80::53%eth0"));
    }
    for (const char* written : {"2001:db8::53%eth0", "192.0.2.53%eth0", "::1%lo", "2001:db8::53%"})
      CHECK_MESSAGE(!parse_server(written), written);
  }

  TEST_CASE("refuses anything else, and says what to write instead") {
    for (const char* written : {"", "dns.example", "dns.example:53", "[192.0.2.53]", "[192.0.2.53]:53",
                                "[2001:db8::53", "2001:db8::53]", "[2001:db8::53]53", "[2001:db8::53]x:53",
                                "192.0.2.53:53:53", "192.0.2.53,192.0.2.54", " 192.0.2.53",
                                "udp://192.0.2.53", "[]", "[]:53", ":53", "192.0.2", "0300.0.2.53"}) {
      const auto refused = parse_server(written);
      REQUIRE_MESSAGE(!refused, written);
      CHECK(refused.error().message.contains("192.0.2.53:5353"));
    }
    for (const char* written : {"192.0.2.53:", "192.0.2.53:0", "192.0.2.53:65536", "[2001:db8::53]:dns"}) {
      const auto refused = parse_server(written);
      REQUIRE_MESSAGE(!refused, written);
      CHECK(refused.error().message.contains("is not a port"));
    }
  }

  TEST_CASE("writes what it reads") {
    for (const char* written : {"192.0.2.53:53", "[2001:db8::53]:5353", "[fe80::53%eth0]:53"}) {
      CHECK(text(*parse_server(written)) == written);
    }
  }
}
