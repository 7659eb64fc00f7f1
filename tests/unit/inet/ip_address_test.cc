#include "ostiary/inet/ip_address.h"

#include <doctest/doctest.h>

using ostiary::inet::Family;
using ostiary::inet::IpAddress;

TEST_SUITE("inet/ip_address") {
  TEST_CASE("reads and writes both families") {
    CHECK(IpAddress::parse("192.0.2.1")->text() == "192.0.2.1");
    CHECK(IpAddress::parse("2001:DB8:0::1")->text() == "2001:db8::1");
    CHECK(IpAddress::parse("192.0.2.1")->octets().size() == 4);
    CHECK(IpAddress::parse("::")->octets().size() == 16);
  }

  TEST_CASE("an IPv4-mapped address is the IPv4 address") {
    CHECK(IpAddress::parse("::ffff:169.254.169.254")->family() == Family::ipv4);
    CHECK(*IpAddress::parse("::ffff:a9fe:a9fe") == *IpAddress::parse("169.254.169.254"));
  }

  TEST_CASE("refuses loose forms") {
    for (const char* text : {"", "1.2.3", "01.2.3.4", "0x1.2.3.4", "1.2.3.256", "fe80::1%eth0", "[::1]",
                             " 1.2.3.4", "1.2.3.4 ", "::g"})
      CHECK_MESSAGE(!IpAddress::parse(text), text);
    CHECK_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
  }
}
