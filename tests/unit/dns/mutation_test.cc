// Properties that hold for any octets. The messages are good ones, mutated by a random generator
// with a fixed seed.

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

#include "message_builder.h"
#include "ostiary/dns/answer.h"
#include "ostiary/dns/query.h"
#include "ostiary/dns/reply.h"
#include "ostiary/dns/rrset.h"

using namespace ostiary::dns;
using namespace ostiary::dns::testing;
using namespace std::chrono_literals;
using ostiary::inet::HostName;
using ostiary::inet::IpAddress;

namespace {

class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}

  size_t below(size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(random_); }

  // Rarely changes the first octets, so that the parser reaches the rest.
  Bytes mutate(Bytes message, size_t spared = 0) {
    for (size_t changes = 1 + below(3); changes > 0; --changes) change(message, spared);
    return message;
  }

 private:
  void change(Bytes& message, size_t spared) {
    if (message.size() <= spared) return;
    const size_t at = spared + below(message.size() - spared);
    const auto place = message.begin() + static_cast<ptrdiff_t>(at);
    switch (below(7)) {
      case 0:
        *place = static_cast<uint8_t>(below(256));
        break;
      case 1:
        *place = static_cast<uint8_t>(*place ^ 1U << below(8));
        break;
      case 2:
        message.resize(at);
        break;
      case 3:
        message.insert(place, static_cast<uint8_t>(below(256)));
        break;
      case 4:
        message.erase(place);
        break;
      case 5:
        *place = 0xc0;
        break;
      default: {
        const Bytes piece(place, place + static_cast<ptrdiff_t>(below(message.size() - at + 1)));
        const size_t to = spared + below(message.size() - spared);
        message.insert(message.begin() + static_cast<ptrdiff_t>(to), piece.begin(), piece.end());
      }
    }
  }

  std::mt19937 random_;
};

// An independent, slow and trusting reader: returns the records of a reply, whatever the question
// was.
struct SlowReader {
  const Bytes& message;
  size_t at = 12;

  size_t number(size_t octets) {
    size_t value = 0;
    for (; octets > 0; --octets) value = value << 8 | message.at(at++);
    return value;
  }
  // Labels with their lengths, in lower case. A dot in a label does not separate labels.
  std::string name() {
    std::string labels;
    std::optional<size_t> back;
    size_t steps = 0;
    for (;;) {
      const size_t length = number(1);
      if (length == 0) break;
      if (++steps > 1000) throw std::out_of_range("a loop");
      if (length >= 0xc0) {
        const size_t target = (length & 0x3f) << 8 | number(1);
        if (!back) back = at;
        at = target;
        continue;
      }
      labels += static_cast<char>(length);
      for (size_t i = 0; i < length; ++i) {
        const auto c = static_cast<char>(number(1));
        labels += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      }
    }
    if (back) at = *back;
    return labels;
  }
};

struct SlowRecord {
  std::string owner, target;
  size_t type = 0, record_class = 0;
  Bytes rdata;
};

std::vector<SlowRecord> slow_answers(const Bytes& message, std::string& asked) {
  SlowReader reader{message};
  asked = reader.name();
  reader.at += 4;
  std::vector<SlowRecord> records(static_cast<size_t>(message[6]) << 8 | message[7]);
  for (SlowRecord& each : records) {
    each.owner = reader.name();
    each.type = reader.number(2);
    each.record_class = reader.number(2);
    reader.number(4);
    const size_t size = reader.number(2), begin = reader.at;
    each.rdata.assign(message.begin() + static_cast<ptrdiff_t>(begin),
                      message.begin() + static_cast<ptrdiff_t>(begin + size));
    // Only the names in aliases of class IN are parsed.
    if (each.type == type_cname && each.record_class == 1) {
      try {
        each.target = SlowReader{message, begin}.name();
      } catch (const std::out_of_range&) {
        each.target = "\xff";
      }
    }
    reader.at = begin + size;
  }
  return records;
}

// Every address is in a record of the type in the question, and its owner is the question's name or
// an alias target.
void check_admissible(const Bytes& message, const Addresses& addresses, size_t type) {
  std::string asked;
  const auto records = slow_answers(message, asked);
  std::set<std::string> reached{asked};
  for (size_t round = 0; round < limits::alias_links; ++round)
    for (const SlowRecord& each : records)
      if (each.type == type_cname && each.record_class == 1 && reached.contains(each.owner))
        reached.insert(each.target);
  for (const IpAddress& address : addresses.list) {
    const bool found = std::ranges::any_of(records, [&](const SlowRecord& each) {
      return each.type == type && each.record_class == 1 && reached.contains(each.owner) &&
             std::ranges::equal(each.rdata, address.octets());
    });
    REQUIRE(found);
  }
}

// Messages with compression, aliases and unrelated records.
std::vector<Bytes> replies(size_t type) {
  const Bytes asked = question("www.a.example", type);
  const Bytes address = type == type_a ? Bytes{192, 0, 2, 1} : Bytes(16, 0x20);
  const Bytes other = type == type_a ? Bytes{192, 0, 2, 2} : Bytes(16, 0x21);
  const size_t first_target = 12 + asked.size() + 12;
  const Bytes alias = record(pointer(12), type_cname, 60, joined({label("cdn"), pointer(16)}));
  const Bytes soa = record(pointer(16), type_soa, 60, joined({pointer(16), pointer(12), Bytes(20, 0)}));
  return {
      testing::reply(asked, {record(pointer(12), type, 60, address), record(pointer(12), type, 9, other)}),
      testing::reply(asked, {alias, record(pointer(first_target), type, 60, address)}),
      testing::reply(asked, {alias, record(pointer(first_target), type_cname, 60, name("b.example")),
                             record(name("evil.example"), type, 60, other),
                             record(name("b.example"), type, 60, address)}),
      testing::reply(asked, {}, good_reply, {soa}, {opt(1232)}),
      testing::reply(asked, {record(pointer(12), type, 60, address)}, good_reply, {soa}, {opt(1232)}),
      testing::reply(asked, {}, good_reply | 3, {soa}),
  };
}

Question question_for(size_t type) {
  return {WireName::from(*HostName::parse("www.a.example")), RecordType{static_cast<uint16_t>(type)}};
}

constexpr int rounds = 20000;
constexpr size_t behind_question = 12 + 15 + 4;

}  // namespace

TEST_SUITE("dns/mutation") {
  TEST_CASE("no mutated reply gives an address that the question does not lead to") {
    Mutator mutator(1);
    size_t answered = 0;
    for (const size_t type : {type_a, type_aaaa}) {
      for (const Bytes& good : replies(type)) {
        for (int i = 0; i < rounds; ++i) {
          const Bytes message = mutator.mutate(good, i % 2 == 0 ? 0 : behind_question);
          const auto reply = read_address_reply(message, question_for(type));
          const auto* addresses = std::get_if<Addresses>(&reply);
          if (addresses == nullptr) continue;
          ++answered;
          REQUIRE_FALSE(addresses->list.empty());
          REQUIRE(addresses->ttl >= limits::ttl_min);
          REQUIRE(addresses->ttl <= limits::ttl_max);
          check_admissible(message, *addresses, type);
        }
      }
    }
    CHECK(answered > rounds);  // otherwise the mutations left nothing to check
  }

  TEST_CASE("records that are passed on contain no outside pointer and read back as they were written") {
    Mutator mutator(2);
    const Bytes asked = question("www.a.example", type_mx);
    const Bytes good =
        testing::reply(asked, {record(pointer(12), type_mx, 60, joined({u16(1), label("m"), pointer(16)})),
                               record(pointer(12), type_mx, 60, joined({u16(2), name("mail.example")}))});
    size_t answered = 0;
    for (int i = 0; i < rounds; ++i) {
      const Bytes mangled = mutator.mutate(good, behind_question);
      const auto reply = read_record_reply(mangled, question_for(type_mx));
      const auto* records = std::get_if<RrSet>(&reply);
      if (records == nullptr) continue;
      ++answered;
      const Bytes query_message = query("www.a.example", type_mx);
      const auto query_reading = read_query(query_message);
      std::array<uint8_t, limits::answer_octets> room;
      const size_t size = write_records(room, std::get<Query>(query_reading).envelope, *records);
      const auto again = read_record_reply(std::span(room).first(size), question_for(type_mx));
      REQUIRE(std::holds_alternative<RrSet>(again));
      REQUIRE(std::get<RrSet>(again).rdata == records->rdata);
    }
    CHECK(answered > rounds / 20);
  }

  TEST_CASE("every accepted question is repeated in its answer, and no response is answered") {
    Mutator mutator(3);
    const Bytes cookie = joined({u16(10), u16(8), Bytes(8, 1)});
    const std::vector<Bytes> good{query("www.Example.com", type_a),
                                  edns_query("a.b.c.example", type_aaaa, opt(1232, 0x8000, cookie))};
    size_t taken = 0;
    for (int i = 0; i < 4 * rounds; ++i) {
      const Bytes message = mutator.mutate(good[mutator.below(good.size())]);
      const auto reading = read_query(message);
      if (std::holds_alternative<Ignored>(reading)) {
        REQUIRE((message.size() < 12 || (message[2] & 0x80) != 0));
        continue;
      }
      std::array<uint8_t, 512> room;
      size_t size = 0;
      if (const auto* query = std::get_if<Query>(&reading)) {
        ++taken;
        Reader cursor(query->envelope.question);
        REQUIRE(*WireName::read(cursor) == query->name);
        const size_t behind = message.size() - 12 - query->envelope.question.size();
        REQUIRE((query->envelope.edns ? behind >= limits::opt_octets : behind == 0));
        size = write_empty(room, query->envelope, Rcode::no_such_name,
                           Explanation{ExtendedError::blocked, "not in policy"});
      } else {
        size = write_refusal(room, std::get<Refusal>(reading));
      }
      REQUIRE(size >= 12);
      const Bytes answer(room.begin(), room.begin() + static_cast<ptrdiff_t>(size));
      REQUIRE(std::equal(message.begin(), message.begin() + 2, answer.begin()));
      REQUIRE(std::holds_alternative<Ignored>(read_query(answer)));
    }
    CHECK(taken > rounds / 10);
  }

  TEST_CASE("random octets are read without harm") {
    Mutator mutator(4);
    for (int i = 0; i < 4 * rounds; ++i) {
      Bytes message(mutator.below(200));
      for (uint8_t& octet : message) octet = static_cast<uint8_t>(mutator.below(256));
      (void)read_query(message);
      if (message.size() < 12) continue;
      // After a valid question, so that the parser reaches the rest.
      Bytes likely = joined({header(1, good_reply, 1, mutator.below(4), mutator.below(3), mutator.below(3)),
                             question("www.a.example", type_a), message});
      const auto reply = read_address_reply(likely, question_for(type_a));
      if (const auto* addresses = std::get_if<Addresses>(&reply))
        check_admissible(likely, *addresses, type_a);
    }
  }
}
