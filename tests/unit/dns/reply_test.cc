#include "ostiary/dns/reply.h"

#include <array>
#include <string>

#include <doctest/doctest.h>

#include "message_builder.h"
#include "ostiary/dns/query.h"

using namespace ostiary::dns;
using namespace ostiary::dns::testing;
using namespace std::chrono_literals;
using ostiary::inet::HostName;
using ostiary::inet::IpAddress;

namespace {

const Bytes asked_a = question("a.example", type_a);
const Bytes asked_aaaa = question("a.example", type_aaaa);

Question question_for(std::string_view owner, RecordType type = RecordType::a) {
  return {WireName::from(*HostName::parse(owner)), type};
}

AddressReply read(const Bytes& message, RecordType type = RecordType::a) {
  return read_address_reply(message, question_for("a.example", type));
}

std::string addresses(const AddressReply& reply) {
  REQUIRE(std::holds_alternative<Addresses>(reply));
  std::string all;
  for (const auto& address : std::get<Addresses>(reply).list)
    all += (all.empty() ? "" : " ") + address.text();
  return all;
}

ReplyFault fault(const AddressReply& reply) {
  REQUIRE(std::holds_alternative<MalformedReply>(reply));
  return std::get<MalformedReply>(reply).fault;
}

Bytes a(const Bytes& owner, uint8_t last, size_t ttl = 300) {
  return record(owner, type_a, ttl, {192, 0, 2, last});
}

Bytes cname(std::string_view owner, std::string_view target, size_t ttl = 300) {
  return record(name(owner), type_cname, ttl, name(target));
}

Bytes soa(size_t ttl, size_t minimum) {
  return record(
      name("example"), type_soa, ttl,
      joined({name("ns.example"), name("admin.example"), u32(1), u32(2), u32(3), u32(4), u32(minimum)}));
}

// l0 (the question's name) is an alias of l1, which is an alias of l2, and so on. The last has an
// address.
std::vector<Bytes> chain(size_t links) {
  std::vector<Bytes> records;
  const auto link = [](size_t i) {
    return i == 0 ? std::string("a.example") : "l" + std::to_string(i) + ".example";
  };
  for (size_t i = 0; i < links; ++i) records.push_back(cname(link(i), link(i + 1)));
  records.push_back(a(name(link(links)), 1));
  return records;
}

}  // namespace

TEST_SUITE("dns/reply") {
  TEST_CASE("gives the addresses of the name that was asked for") {
    const auto reply = read(testing::reply(asked_a, {a(pointer(12), 1, 300), a(name("A.EXAMPLE"), 2, 60)}));
    CHECK(addresses(reply) == "192.0.2.1 192.0.2.2");
    CHECK(std::get<Addresses>(reply).ttl == 60s);
    CHECK(std::get<Addresses>(reply).dropped == 0);
  }

  TEST_CASE("follows aliases in any order of the records") {
    const Bytes first = cname("a.example", "B.cdn.example", 20),
                second = cname("b.CDN.example", "c.cdn.example", 30), last = a(name("c.cdn.example"), 7, 40);
    for (const auto& order : {std::vector{first, second, last}, std::vector{last, second, first},
                              std::vector{second, last, first}}) {
      const auto reply = read(testing::reply(asked_a, order));
      CHECK(addresses(reply) == "192.0.2.7");
      CHECK(std::get<Addresses>(reply).ttl == 20s);
    }
  }

  TEST_CASE("returns no address that was not asked for") {
    const Bytes aaaa = record(pointer(12), type_aaaa, 300, Bytes(16, 0x20));
    const auto reply =
        read(testing::reply(asked_a,
                            {a(name("evil.example"), 66), a(pointer(12), 1), aaaa, a(name("b.a.example"), 67),
                             a(name("example"), 68), cname("evil.example", "a.example"),
                             record(pointer(12), type_a, 300, {10, 0, 0, 1}, 3)},
                            good_reply, {a(pointer(12), 69)}, {a(pointer(12), 70)}));
    CHECK(addresses(reply) == "192.0.2.1");
  }

  TEST_CASE("does not follow an alias past the addresses of the name itself") {
    const auto reply = read(testing::reply(
        asked_a, {cname("a.example", "b.example"), a(name("b.example"), 2), a(name("a.example"), 1)}));
    CHECK(addresses(reply) == "192.0.2.1");
  }

  TEST_CASE("has no data if the chain of aliases leads out of the reply") {
    CHECK(std::holds_alternative<NoData>(read(testing::reply(asked_a, {cname("a.example", "b.example")}))));
    CHECK(std::holds_alternative<NoData>(
        read(testing::reply(asked_a, {cname("a.example", "b.example"), a(name("c.example"), 1)}))));
    CHECK(std::holds_alternative<NoData>(
        read(testing::reply(asked_a, {cname("b.example", "a.example"), a(name("b.example"), 1)}))));
  }

  TEST_CASE("distinguishes a label that contains a dot from two labels") {
    const Bytes disguised = joined({label("a.example"), {0}});
    CHECK(std::holds_alternative<NoData>(read(testing::reply(asked_a, {a(disguised, 1)}))));
    const Bytes asked = joined({disguised, u16(type_a), u16(1)});
    CHECK(fault(read(testing::reply(asked, {a(pointer(12), 1)}))) == ReplyFault::wrong_question);
  }

  TEST_CASE("gives each address once and keeps IPv6 and IPv4 apart") {
    CHECK(addresses(read(testing::reply(asked_a, {a(pointer(12), 1), a(pointer(12), 1)}))) == "192.0.2.1");
    Bytes v6(16, 0);
    v6[0] = 0x20, v6[15] = 1;
    Bytes mapped(16, 0);
    mapped[10] = mapped[11] = 0xff, mapped[12] = 10;
    const Bytes good = record(pointer(12), type_aaaa, 300, v6),
                bad = record(pointer(12), type_aaaa, 300, mapped);
    CHECK(addresses(read(testing::reply(asked_aaaa, {bad, good}), RecordType::aaaa)) == "2000::1");
    CHECK(std::holds_alternative<NoData>(read(testing::reply(asked_aaaa, {bad}), RecordType::aaaa)));
  }

  TEST_CASE("keeps 64 addresses and counts the rest") {
    std::vector<Bytes> records;
    for (uint8_t i = 0; i < 100; ++i) records.push_back(a(pointer(12), i));
    const auto reply = read(testing::reply(asked_a, records));
    CHECK(std::get<Addresses>(reply).list.size() == 64);
    CHECK(std::get<Addresses>(reply).dropped == 36);
  }

  TEST_CASE("brings TTLs within their limits") {
    const auto ttl = [](size_t sent) {
      return std::get<Addresses>(read(testing::reply(asked_a, {a(pointer(12), 1, sent)}))).ttl;
    };
    CHECK(ttl(0) == 1s);
    CHECK(ttl(0x80000000) == 1s);
    CHECK(ttl(0xffffffff) == 1s);
    CHECK(ttl(0x7fffffff) == 24h);
  }

  TEST_CASE("the SOA gives the TTL of no data and of no such name") {
    const auto no_data = [](size_t ttl, size_t minimum) {
      return std::get<NoData>(read(testing::reply(asked_a, {}, good_reply, {soa(ttl, minimum)}))).ttl;
    };
    CHECK(no_data(60, 30) == 30s);
    CHECK(no_data(20, 30) == 20s);
    CHECK(no_data(86400, 86400) == 5min);
    CHECK(no_data(0, 0) == 1s);
    CHECK(std::get<NoData>(read(testing::reply(asked_a, {}))).ttl == 1s);
    CHECK(std::get<NoSuchName>(read(testing::reply(asked_a, {}, good_reply | 3, {soa(60, 30)}))).ttl == 30s);
    CHECK(std::get<NoSuchName>(read(testing::reply(asked_a, {cname("a.example", "b.example", 7)},
                                                   good_reply | 3, {soa(60, 30)})))
              .ttl == 7s);
  }

  TEST_CASE("returns no address from a reply with NXDOMAIN") {
    CHECK(std::holds_alternative<NoSuchName>(
        read(testing::reply(asked_a, {a(pointer(12), 1)}, good_reply | 3))));
  }

  TEST_CASE("returns the server's error code") {
    for (const size_t rcode : {1U, 2U, 4U, 5U, 9U}) {
      const auto reply = read(testing::reply(asked_a, {a(pointer(12), 1)}, good_reply | rcode));
      CHECK(std::get<UpstreamFailure>(reply).rcode == Rcode{static_cast<uint16_t>(rcode)});
    }
    CHECK(std::get<UpstreamFailure>(read(header(1, good_reply | 1, 0, 0, 0, 0))).rcode ==
          Rcode::format_error);
    const auto extended = read(testing::reply(asked_a, {}, good_reply, {}, {opt(1232, 0x01000000)}));
    CHECK(std::get<UpstreamFailure>(extended).rcode == Rcode::bad_version);
  }

  TEST_CASE("requests a retry if the reply is truncated, with any content") {
    CHECK(std::holds_alternative<TruncatedReply>(
        read(testing::reply(asked_a, {a(pointer(12), 1)}, good_reply | 0x0200))));
    CHECK(std::holds_alternative<TruncatedReply>(
        read(joined({header(1, good_reply | 0x0200, 1, 9, 0, 0), asked_a, {0xc0}}))));
  }

  TEST_CASE("refuses the answer to another question") {
    const auto faulty = [](const Bytes& asked) {
      return fault(read(testing::reply(asked, {a(pointer(12), 1)})));
    };
    CHECK(faulty(question("b.example", type_a)) == ReplyFault::wrong_question);
    CHECK(faulty(question("a.example", type_aaaa)) == ReplyFault::wrong_question);
    CHECK(faulty(question("a.example", type_a, 3)) == ReplyFault::wrong_question);
    CHECK(fault(read(joined({header(1, good_reply, 0, 1, 0, 0), a(name("a.example"), 1)}))) ==
          ReplyFault::wrong_question);
    CHECK(fault(read(joined({header(1, good_reply, 2, 1, 0, 0), asked_a, asked_a, a(pointer(12), 1)}))) ==
          ReplyFault::wrong_question);
    CHECK(addresses(read(testing::reply(question("A.exAMple", type_a), {a(pointer(12), 1)}))) == "192.0.2.1");
    CHECK(fault(read_address_reply(testing::reply(question("a.example", type_txt), {}),
                                   question_for("a.example", RecordType::txt))) ==
          ReplyFault::wrong_question);
  }

  TEST_CASE("refuses a message that is not a reply") {
    CHECK(fault(read(testing::reply(asked_a, {a(pointer(12), 1)}, 0x0100))) == ReplyFault::not_a_reply);
    CHECK(fault(read(testing::reply(asked_a, {a(pointer(12), 1)}, 0xa100))) == ReplyFault::not_a_reply);
  }

  TEST_CASE("refuses every truncation of a good reply") {
    const Bytes whole = testing::reply(asked_a, {cname("a.example", "b.example"), a(name("b.example"), 1)},
                                       good_reply, {soa(1, 1)}, {opt(1232)});
    CHECK(addresses(read(whole)) == "192.0.2.1");
    for (size_t size = 0; size < whole.size(); ++size)
      CHECK(fault(read(Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)))) ==
            ReplyFault::cut_short);
  }

  TEST_CASE("ignores octets after the reply") {
    Bytes message = testing::reply(asked_a, {a(pointer(12), 1)});
    message += a(pointer(12), 2);
    CHECK(addresses(read(message)) == "192.0.2.1");
  }

  TEST_CASE("follows 16 aliases and no more, and ends on a loop") {
    CHECK(addresses(read(testing::reply(asked_a, chain(16)))) == "192.0.2.1");
    CHECK(fault(read(testing::reply(asked_a, chain(17)))) == ReplyFault::alias_chain);
    CHECK(fault(read(testing::reply(asked_a, chain(64)))) == ReplyFault::alias_chain);
    CHECK(fault(read(testing::reply(asked_a, {cname("a.example", "a.example")}))) == ReplyFault::alias_chain);
    CHECK(fault(read(testing::reply(asked_a, {cname("a.example", "b.example"),
                                              cname("b.example", "a.example")}))) == ReplyFault::alias_chain);
    auto loop = chain(63);
    loop.back() = cname("l63.example", "a.example");
    CHECK(fault(read(testing::reply(asked_a, loop))) == ReplyFault::alias_chain);
  }

  TEST_CASE("refuses a name with two aliases, and accepts a repeated alias") {
    const Bytes b = cname("a.example", "b.example"), c = cname("a.example", "c.example");
    const Bytes address = a(name("b.example"), 1);
    CHECK(fault(read(testing::reply(asked_a, {b, c, address}))) == ReplyFault::two_aliases);
    CHECK(addresses(read(testing::reply(asked_a, {b, b, address}))) == "192.0.2.1");
  }

  TEST_CASE("the shorter TTL of a repeated alias counts") {
    const Bytes shorter = cname("a.example", "b.example", 20), longer = cname("a.example", "b.example", 50);
    for (const auto& aliases : {std::pair(shorter, longer), std::pair(longer, shorter)}) {
      const auto reply =
          read(testing::reply(asked_a, {aliases.first, aliases.second, a(name("b.example"), 1)}));
      CHECK(std::get<Addresses>(reply).ttl == 20s);
    }
  }

  TEST_CASE("refuses 4,000 records") {
    const std::vector<Bytes> records(4000, a(pointer(12), 1));
    CHECK(fault(read(testing::reply(asked_a, records))) == ReplyFault::too_many_records);
    CHECK(addresses(read(testing::reply(asked_a, std::vector<Bytes>(512, a(pointer(12), 1))))) ==
          "192.0.2.1");
    CHECK(fault(read(joined({header(1, good_reply, 1, 65535, 65535, 65535), asked_a}))) ==
          ReplyFault::too_many_records);
  }

  TEST_CASE("refuses pointers that loop or lead forward, in owners and in aliases") {
    const size_t behind_question = 12 + asked_a.size();
    CHECK(fault(read(testing::reply(asked_a, {a(pointer(behind_question), 1)}))) == ReplyFault::name);
    CHECK(fault(read(testing::reply(asked_a, {a(pointer(behind_question + 2), 1)}))) == ReplyFault::name);
    CHECK(fault(read(testing::reply(asked_a, {a(pointer(3), 1)}))) == ReplyFault::name);
    const Bytes looping = record(pointer(12), type_cname, 1, pointer(behind_question + 12));
    CHECK(fault(read(testing::reply(asked_a, {looping}))) == ReplyFault::name);
  }

  TEST_CASE("refuses records whose length does not fit their type") {
    for (const size_t size : {0U, 3U, 5U, 16U})
      CHECK(fault(read(testing::reply(asked_a, {record(pointer(12), type_a, 1, Bytes(size, 1))}))) ==
            ReplyFault::record_size);
    for (const size_t size : {0U, 4U, 15U, 17U})
      CHECK(fault(read(testing::reply(asked_aaaa, {record(pointer(12), type_aaaa, 1, Bytes(size, 1))}),
                       RecordType::aaaa)) == ReplyFault::record_size);
    const Bytes padded = record(pointer(12), type_cname, 1, joined({name("b.example"), {0}}));
    CHECK(fault(read(testing::reply(asked_a, {padded}))) == ReplyFault::record_size);
  }

  TEST_CASE("writes the question in the usual form") {
    std::array<uint8_t, 512> room{};
    const size_t size = write_query(room, 0xbeef, question_for("a.example"));
    CHECK(Bytes(room.begin(), room.begin() + static_cast<ptrdiff_t>(size)) ==
          joined({header(0xbeef, 0x0100, 1, 0, 0, 1), asked_a, opt(1232)}));
    const auto reading = read_query(std::span(room).first(size));
    CHECK(std::holds_alternative<Query>(reading));
    CHECK(write_query(std::span(room).first(511), 1, question_for("a.example")) == 0);
  }

  TEST_CASE("every fault has a text") {
    for (int i = 0; i <= static_cast<int>(ReplyFault::records_too_large); ++i)
      CHECK_FALSE(text(static_cast<ReplyFault>(i)).empty());
    CHECK(text(ReplyFault::wrong_question) == "the reply answers another question");
  }
}
