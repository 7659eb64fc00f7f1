#include "ostiary/inet/prefix.h"

#include <doctest/doctest.h>

using ostiary::inet::IpAddress;
using ostiary::inet::Prefix;

TEST_SUITE("inet/prefix") {
  TEST_CASE("reads networks of both families, and an address as the network of itself") {
    CHECK(Prefix::parse("10.1.2.0/24")->text() == "10.1.2.0/24");
    CHECK(Prefix::parse("2001:DB8::/32")->text() == "2001:db8::/32");
    CHECK(Prefix::parse("192.0.2.7")->text() == "192.0.2.7/32");
    CHECK(Prefix::parse("2001:db8::1")->text() == "2001:db8::1/128");
    CHECK(Prefix::parse("0.0.0.0/0")->length() == 0);
    CHECK(Prefix::parse("::ffff:192.0.2.7")->text() == "192.0.2.7/32");
  }

  TEST_CASE("the error names the right network if host bits are set") {
    CHECK(Prefix::parse("10.1.2.3/24").error().message ==
          "has bits set after its prefix length; write 10.1.2.0/24 or 10.1.2.3/32");
    CHECK(Prefix::parse("2001:db8::1/33").error().message.contains("2001:db8::/33"));
    CHECK(Prefix::parse("10.1.2.131/25").error().message.contains("10.1.2.128/25"));
  }

  TEST_CASE("is made from an address and a length") {
    CHECK(Prefix::around(*IpAddress::parse("10.1.2.131"), 25).text() == "10.1.2.128/25");
    CHECK(Prefix::around(*IpAddress::parse("10.1.2.131"), 0).text() == "0.0.0.0/0");
    CHECK(Prefix::around(*IpAddress::parse("2001:db8::1"), 33).text() == "2001:db8::/33");
    CHECK(Prefix::around(*IpAddress::parse("192.0.2.7"), 32) ==
          Prefix::single(*IpAddress::parse("192.0.2.7")));
  }

  TEST_CASE("refuses what is not a network") {
    for (const char* text : {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "2001:db8::/129", "10.0.0.0/-1",
                             "10.0.0.0/8/8", "10.0.0.0/ 8", "10.0.0.0/+8", "10.0/8", "example.com/8",
                             "::ffff:10.0.0.0/8", "::ffff:10.0.0.0/104", "10.0.0.0/255.0.0.0"})
      CHECK_MESSAGE(!Prefix::parse(text), text);
  }

  TEST_CASE("contains its own addresses and no others") {
    const auto network = *Prefix::parse("10.1.2.128/25");
    CHECK(network.contains(*IpAddress::parse("10.1.2.128")));
    CHECK(network.contains(*IpAddress::parse("10.1.2.255")));
    CHECK_FALSE(network.contains(*IpAddress::parse("10.1.2.127")));
    CHECK_FALSE(network.contains(*IpAddress::parse("10.1.3.128")));
    CHECK_FALSE(Prefix::parse("::/0")->contains(*IpAddress::parse("10.1.2.128")));
    CHECK(Prefix::parse("::/0")->contains(*IpAddress::parse("2001:db8::1")));
    CHECK(Prefix::parse("2001:db8:8000::/33")->contains(*IpAddress::parse("2001:db8:ffff::1")));
    CHECK_FALSE(Prefix::parse("2001:db8:8000::/33")->contains(*IpAddress::parse("2001:db8:7fff::1")));
  }
}
