#include "ostiary/dns/rrset.h"

#include <string>

#include <doctest/doctest.h>

#include "message_builder.h"

using namespace ostiary::dns;
using namespace ostiary::dns::testing;
using namespace std::chrono_literals;
using ostiary::inet::HostName;

namespace {

RecordReply reply_with(size_t type, const std::vector<Bytes>& answers, size_t flags = good_reply) {
  return read_record_reply(
      reply(question("a.example", type), answers, flags),
      {WireName::from(*HostName::parse("a.example")), RecordType{static_cast<uint16_t>(type)}});
}

// The RDATA that results from a record with this RDATA.
Bytes passed_on(size_t type, const Bytes& rdata) {
  const auto reply = reply_with(type, {record(pointer(12), type, 60, rdata)});
  REQUIRE(std::holds_alternative<RrSet>(reply));
  REQUIRE(std::get<RrSet>(reply).rdata.size() == 1);
  return std::get<RrSet>(reply).rdata[0];
}

ReplyFault fault(size_t type, const Bytes& rdata) {
  return std::get<MalformedReply>(reply_with(type, {record(pointer(12), type, 60, rdata)})).fault;
}

}  // namespace

TEST_SUITE("dns/rrset") {
  TEST_CASE("decompresses the names in records") {
    const Bytes mail = joined({label("mail"), pointer(12)}), whole = name("mail.a.example");
    CHECK(passed_on(type_mx, joined({u16(10), mail})) == joined({u16(10), whole}));
    CHECK(passed_on(type_srv, joined({u16(1), u16(2), u16(443), mail})) ==
          joined({u16(1), u16(2), u16(443), whole}));
    for (const size_t type : {type_ns, type_cname, size_t{12}, size_t{39}})
      CHECK(passed_on(type, mail) == whole);
    const Bytes numbers = joined({u32(1), u32(2), u32(3), u32(4), u32(5)});
    CHECK(passed_on(type_soa, joined({pointer(12), mail, numbers})) ==
          joined({name("a.example"), whole, numbers}));
    const Bytes naptr = joined({u16(1), u16(2), label("u"), label("sip"), label("")});
    CHECK(passed_on(35, joined({naptr, mail})) == joined({naptr, whole}));
  }

  TEST_CASE("passes on TXT, CAA and unknown types unchanged") {
    const Bytes strings = joined({label("v=spf1 -all"), label(""), label(std::string(255, 'x'))});
    CHECK(passed_on(type_txt, strings) == strings);
    const Bytes caa = joined({{0}, label("issue"), {'c', 'a'}});
    CHECK(passed_on(257, caa) == caa);
    CHECK(passed_on(65280, {0xc0, 0x0c}) == Bytes{0xc0, 0x0c});
    CHECK(passed_on(65280, {}).empty());
  }

  TEST_CASE("refuses records that do not match their type") {
    CHECK(fault(type_mx, {0}) == ReplyFault::record_size);
    CHECK(fault(type_mx, joined({u16(1), name("a"), {0}})) == ReplyFault::record_size);
    CHECK(fault(type_mx, u16(1)) == ReplyFault::name);
    CHECK(fault(type_txt, {}) == ReplyFault::record_size);
    CHECK(fault(type_txt, {2, 'a'}) == ReplyFault::record_size);
    CHECK(fault(type_soa, joined({name("a"), name("b"), u32(1)})) == ReplyFault::record_size);
    CHECK(fault(257, {0}) == ReplyFault::record_size);
    CHECK(fault(type_ns, {1}) == ReplyFault::name);
  }

  TEST_CASE("does not read past a record into the next") {
    const Bytes short_mx = record(pointer(12), type_mx, 60, joined({u16(1), label("a")}));
    const auto reply = reply_with(type_mx, {short_mx, record({0}, type_mx, 60, joined({u16(1), name("b")}))});
    CHECK(std::get<MalformedReply>(reply).fault == ReplyFault::record_size);
  }

  TEST_CASE("gives only the asked type, under the name or at the end of its aliases") {
    const auto reply = reply_with(type_txt, {record(name("a.example"), type_cname, 9, name("b.example")),
                                             record(name("b.example"), type_txt, 60, label("yes")),
                                             record(name("c.example"), type_txt, 60, label("no")),
                                             record(name("b.example"), type_a, 60, {192, 0, 2, 1})});
    const auto& records = std::get<RrSet>(reply);
    CHECK(records.type == RecordType::txt);
    CHECK(records.ttl == 9s);
    CHECK(records.rdata == std::vector<Bytes>{label("yes")});
  }

  TEST_CASE("reports no data and no such name") {
    CHECK(std::holds_alternative<NoData>(reply_with(type_txt, {})));
    CHECK(std::holds_alternative<NoSuchName>(reply_with(type_txt, {}, good_reply | 3)));
    CHECK(std::get<UpstreamFailure>(reply_with(type_txt, {}, good_reply | 5)).rcode == Rcode::refused);
    CHECK(std::holds_alternative<TruncatedReply>(reply_with(type_txt, {}, good_reply | 0x0200)));
  }

  TEST_CASE("refuses more than can be passed on") {
    const Bytes large = record(pointer(12), type_txt, 60, joined({label(std::string(255, 'x'))}));
    CHECK(std::get<RrSet>(reply_with(type_txt, std::vector<Bytes>(48, large))).rdata.size() == 48);
    CHECK(std::get<MalformedReply>(reply_with(type_txt, std::vector<Bytes>(49, large))).fault ==
          ReplyFault::records_too_large);
    const Bytes small = record(pointer(12), type_txt, 60, label("x"));
    CHECK(std::get<RrSet>(reply_with(type_txt, std::vector<Bytes>(128, small))).rdata.size() == 128);
    CHECK(std::get<MalformedReply>(reply_with(type_txt, std::vector<Bytes>(129, small))).fault ==
          ReplyFault::records_too_large);
  }
}
