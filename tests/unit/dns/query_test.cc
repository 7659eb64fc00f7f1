#include "ostiary/dns/query.h"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "message_builder.h"

using namespace ostiary::dns;
using namespace ostiary::dns::testing;

namespace {

RefusalReason reason(const Bytes& message) {
  const auto reading = read_query(message);
  REQUIRE(std::holds_alternative<Refusal>(reading));
  return std::get<Refusal>(reading).reason;
}

Rcode rcode(const Bytes& message) {
  return std::get<Refusal>(read_query(message)).rcode;
}

Bytes with_flags(size_t flags) {
  return joined({header(7, flags, 1, 0, 0, 0), question("example.com", type_a)});
}

}  // namespace

TEST_SUITE("dns/query") {
  TEST_CASE("reads a question and keeps its letter case") {
    const Bytes message = query("wWw.ExAmple.com", type_aaaa);
    const auto reading = read_query(message);
    REQUIRE(std::holds_alternative<Query>(reading));
    const auto& query = std::get<Query>(reading);
    CHECK(query.name.text() == "www.example.com");
    CHECK(query.type == RecordType::aaaa);
    CHECK(query.envelope.id == 0x1234);
    CHECK(query.envelope.flags == flag::recursion_desired);
    CHECK_FALSE(query.envelope.edns);
    CHECK(std::ranges::equal(query.envelope.question, question("wWw.ExAmple.com", type_aaaa)));
  }

  TEST_CASE("reads EDNS and brings the payload size within its limits") {
    const auto edns = [](const Bytes& record) {
      return *std::get<Query>(read_query(edns_query("a.example", type_a, record))).envelope.edns;
    };
    CHECK(edns(opt(0)) == Edns{512, 0});
    CHECK(edns(opt(700)) == Edns{700, 0});
    CHECK(edns(opt(65535)) == Edns{1232, 0});
    CHECK(edns(opt(1232, 0x8000)) == Edns{1232, flag::dnssec_ok});
    CHECK(edns(opt(1232, 0x7fff)) == Edns{1232, 0});
    const Bytes cookie = joined({u16(10), u16(8), Bytes(8, 0xab)});
    CHECK(edns(opt(1232, 0, joined({cookie, u16(3), u16(0)}))) == Edns{1232, 0});
  }

  TEST_CASE("keeps only the bits that an answer repeats") {
    const auto flags = [](size_t sent) {
      return std::get<Query>(read_query(with_flags(sent))).envelope.flags;
    };
    CHECK(flags(0x0000) == 0);
    CHECK(flags(0x07ff) == (flag::recursion_desired | flag::checking_disabled));
  }

  TEST_CASE("a kept envelope outlives its message") {
    Bytes message = query("Example.com", type_a);
    const KeptEnvelope kept(std::get<Query>(read_query(message)).envelope);
    const KeptEnvelope copy = kept;  // NOLINT(performance-unnecessary-copy-initialization)
    std::ranges::fill(message, uint8_t{0xee});
    CHECK(std::ranges::equal(copy.envelope().question, question("Example.com", type_a)));
    CHECK(copy.envelope().id == 0x1234);
  }

  TEST_CASE("never answers a response, or a message shorter than a header") {
    const auto ignored = [](const Bytes& message) { return std::get<Ignored>(read_query(message)); };
    CHECK(ignored(with_flags(0x8000)) == Ignored::response);
    CHECK(ignored(header(7, 0xffff, 0, 0, 0, 0)) == Ignored::response);
    for (size_t size = 0; size < 12; ++size) CHECK(ignored(Bytes(size, 0xff)) == Ignored::too_short);
  }

  TEST_CASE("refuses every truncation of a good message") {
    const Bytes cookie = joined({u16(10), u16(8), Bytes(8, 1)});
    const Bytes whole = edns_query("www.example.com", type_a, opt(1232, 0, cookie));
    REQUIRE(std::holds_alternative<Query>(read_query(whole)));
    for (size_t size = 12; size < whole.size(); ++size) {
      const Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
      CHECK(rcode(cut) == Rcode::format_error);
    }
  }

  TEST_CASE("refuses other operations, and repeats the operation") {
    for (size_t opcode = 1; opcode < 16; ++opcode) {
      const Bytes message = with_flags(opcode << 11);
      CHECK(reason(message) == RefusalReason::opcode);
      CHECK(rcode(message) == Rcode::not_implemented);
      CHECK(std::get<Refusal>(read_query(message)).envelope.flags == opcode << 11);
    }
  }

  TEST_CASE("refuses any number of questions but one") {
    CHECK(reason(header(7, 0, 0, 0, 0, 0)) == RefusalReason::question_count);
    const Bytes asked = question("a.example", type_a);
    CHECK(reason(joined({header(7, 0, 2, 0, 0, 0), asked, asked})) == RefusalReason::question_count);
    CHECK(reason(joined({header(7, 0, 65535, 0, 0, 0), asked})) == RefusalReason::question_count);
  }

  TEST_CASE("refuses records in sections that a question leaves empty") {
    const Bytes asked = question("a.example", type_a);
    const Bytes extra = record(name("a.example"), type_a, 1, {1, 2, 3, 4});
    CHECK(reason(joined({header(7, 0, 1, 1, 0, 0), asked, extra})) == RefusalReason::answer_section);
    CHECK(reason(joined({header(7, 0, 1, 0, 1, 0), asked, extra})) == RefusalReason::authority_section);
    CHECK(reason(joined({header(7, 0, 1, 0, 0, 1), asked, extra})) == RefusalReason::additional_section);
    CHECK(reason(joined({header(7, 0, 1, 0, 0, 2), asked, opt(512), opt(512)})) ==
          RefusalReason::additional_section);
  }

  TEST_CASE("refuses a malformed OPT record") {
    const auto refused = [](const Bytes& record) { return reason(edns_query("a.example", type_a, record)); };
    CHECK(refused(opt(512, 0, {0, 10})) == RefusalReason::edns_malformed);
    CHECK(refused(opt(512, 0, joined({u16(10), u16(9), Bytes(8, 0)}))) == RefusalReason::edns_malformed);
    CHECK(refused(record(name("x"), 41, 0, {}, 512)) == RefusalReason::additional_section);
    CHECK(refused(record(pointer(12), 41, 0, {}, 512)) == RefusalReason::additional_section);
  }

  TEST_CASE("answers another version of EDNS with BADVERS and in EDNS") {
    const Bytes message = edns_query("a.example", type_a, opt(512, 0x00010000));
    CHECK(reason(message) == RefusalReason::edns_version);
    CHECK(rcode(message) == Rcode::bad_version);
    CHECK(std::get<Refusal>(read_query(message)).envelope.edns);
  }

  TEST_CASE("refuses octets after the message") {
    CHECK(reason(joined({query("a.example", type_a), {0}})) == RefusalReason::trailing_octets);
    CHECK(reason(joined({edns_query("a.example", type_a, opt(512)), {0}})) == RefusalReason::trailing_octets);
  }

  TEST_CASE("refuses other classes, and types that ask for no record") {
    for (const size_t other : {0U, 2U, 3U, 4U, 254U, 255U}) {
      const Bytes message = joined({header(7, 0, 1, 0, 0, 0), question("a.example", type_a, other)});
      CHECK(reason(message) == RefusalReason::query_class);
      CHECK(rcode(message) == Rcode::refused);
    }
    for (const size_t meta : {41U, 128U, 249U, 250U, 251U, 252U, 253U, 254U}) {
      CHECK(reason(query("a.example", meta)) == RefusalReason::meta_type);
      CHECK(rcode(query("a.example", meta)) == Rcode::not_implemented);
    }
    for (const size_t type : {10U, 16U, 65U, 127U, 255U, 256U, 65535U})
      CHECK(std::holds_alternative<Query>(read_query(query("a.example", type))));
  }

  TEST_CASE("refuses compression in the question") {
    for (const size_t target : {0U, 4U, 12U, 14U, 200U}) {
      const Bytes asked = joined({label("a"), pointer(target), u16(type_a), u16(1)});
      const Bytes message = joined({header(7, 0, 1, 0, 0, 0), asked});
      CHECK(reason(message) == RefusalReason::name);
      CHECK(std::get<Refusal>(read_query(message)).envelope.question.empty());
    }
  }

  TEST_CASE("accepts names of any octets, which the policy denies") {
    using namespace std::string_view_literals;
    const Bytes odd = joined({label("a\0.b"sv), name("example.com"), u16(type_a), u16(1)});
    const auto reading = read_query(joined({header(7, 0, 1, 0, 0, 0), odd}));
    REQUIRE(std::holds_alternative<Query>(reading));
    CHECK(std::get<Query>(reading).name.text() == "a\\000\\.b.example.com");
    CHECK_FALSE(std::get<Query>(reading).name.host_name());
  }

  TEST_CASE("every reason has a text") {
    for (int i = 0; i <= static_cast<int>(RefusalReason::meta_type); ++i)
      CHECK_FALSE(text(static_cast<RefusalReason>(i)).empty());
    CHECK(text(RefusalReason::query_class) == "the class is not IN");
  }
}
