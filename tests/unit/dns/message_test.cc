#include "ostiary/dns/message.h"

#include <doctest/doctest.h>

using namespace ostiary::dns;

TEST_SUITE("dns/message") {
  TEST_CASE("record types have their usual names") {
    CHECK(text(RecordType::aaaa) == "AAAA");
    CHECK(text(RecordType{65280}) == "TYPE65280");
    CHECK(parse_record_type("txt") == RecordType::txt);
    CHECK(parse_record_type("Type33") == RecordType::srv);
    CHECK(parse_record_type("TYPE65280") == RecordType{65280});
  }

  TEST_CASE("a text that is not a record type is refused") {
    for (const char* word :
         {"", "TYPE", "TYPE65536", "TYPE-1", "TYPE1x", "FOO", "A ", "ANY", "OPT", "TYPE255"})
      CHECK_MESSAGE(!parse_record_type(word), word);
  }

  TEST_CASE("codes have names") {
    CHECK(text(Rcode::no_such_name) == "NXDOMAIN");
    CHECK(text(Rcode{9}) == "RCODE9");
  }
}
