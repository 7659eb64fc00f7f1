#include "ostiary/dns/message.h"

#include <doctest/doctest.h>

using namespace ostiary::dns;

TEST_SUITE("dns/message") {
  TEST_CASE("record types have their usual names") {
    CHECK(text(RecordType::aaaa) == "AAAA");
    CHECK(text(RecordType{65280}) == "TYPE65280");
  }

  TEST_CASE("codes have names") {
    CHECK(text(Rcode::no_such_name) == "NXDOMAIN");
    CHECK(text(Rcode{9}) == "RCODE9");
  }
}
