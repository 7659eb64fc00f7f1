#include "ostiary/inet/port_set.h"

#include <doctest/doctest.h>

using ostiary::inet::PortSet;

TEST_SUITE("inet/port_set") {
  TEST_CASE("sorts, joins and writes its ports") {
    CHECK(PortSet::parse("443")->text() == "443");
    CHECK(PortSet::parse("443,22")->text() == "22,443");
    CHECK(PortSet::parse("8000-8010")->text() == "8000-8010");
    CHECK(PortSet::parse("1-10,5-20,21,30,443,443")->text() == "1-21,30,443");
    CHECK(PortSet::parse("10,30,20,1-65535")->text() == "1-65535");
    CHECK(PortSet::parse("2,4,6,3,5")->text() == "2-6");
  }

  TEST_CASE("refuses what is not a list of ports") {
    for (const char* text :
         {"", ",", "22,", ",22", "0", "65536", "22-", "-22", "10-5", "1-2-3", "a", "22 ,443", "*"})
      CHECK_MESSAGE(!PortSet::parse(text), text);
  }
}
