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

  TEST_CASE("has the ports that were added and not removed") {
    PortSet ports = PortSet::parse("1,20-30,40-65535").value();
    ports.remove({22, 22});
    ports.remove({1, 2});
    ports.remove({28, 50});
    ports.remove({65535, 65535});
    CHECK(ports.text() == "20-21,23-27,51-65534");
    for (const uint32_t in : {20U, 21U, 23U, 27U, 51U, 65534U}) CHECK_MESSAGE(ports.contains(in), in);
    for (const uint32_t out : {0U, 1U, 19U, 22U, 28U, 50U, 65535U, 65536U})
      CHECK_MESSAGE(!ports.contains(out), out);
    CHECK_FALSE(PortSet().contains(443));
  }

  TEST_CASE("refuses what is not a list of ports") {
    for (const char* text :
         {"", ",", "22,", ",22", "0", "65536", "22-", "-22", "10-5", "1-2-3", "a", "22 ,443", "*"})
      CHECK_MESSAGE(!PortSet::parse(text), text);
  }
}
