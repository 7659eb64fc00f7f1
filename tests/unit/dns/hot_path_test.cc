// Counts the heap allocations between a question and its cached answer.

#include <array>
#include <string>

#include <doctest/doctest.h>

#include "allocations.h"
#include "message_builder.h"
#include "ostiary/dns/answer.h"
#include "ostiary/dns/cache.h"
#include "ostiary/dns/query.h"
#include "ostiary/dns/reply.h"
#include "ostiary/dns/tcp_frame.h"

using namespace ostiary::dns;
using namespace ostiary::dns::testing;
using namespace std::chrono_literals;
using ostiary::inet::HostName;
using ostiary::inet::IpAddress;
using ostiary::testing::allocations;

namespace {

size_t answer_from(Cache& cache, std::span<const uint8_t> message, std::span<uint8_t> room, Cache::Time now) {
  const auto reading = read_query(message);
  const auto* query = std::get_if<Query>(&reading);
  if (query == nullptr) return 0;
  const auto hit = cache.find(query->name, query->type, now);
  if (!hit) return 0;
  const auto limited = room.first(answer_limit(query->envelope, Transport::udp));
  switch (hit->outcome) {
    case Cache::Outcome::addresses:
      return write_addresses(limited, query->envelope, hit->addresses, hit->ttl);
    case Cache::Outcome::no_data:
    case Cache::Outcome::withheld:
      return write_empty(limited, query->envelope, Rcode::no_error);
    case Cache::Outcome::no_such_name:
      return write_empty(limited, query->envelope, Rcode::no_such_name);
  }
  return 0;
}

}  // namespace

TEST_SUITE("dns/hot_path") {
  TEST_CASE("a cached answer allocates nothing") {
    const Cache::Time now = Cache::Time{} + 1h;
    const auto name = WireName::from(*HostName::parse("a-rather-long-name.of-a-service.example.com"));
    Cache cache(100, ostiary::HashKey{3, 4});
    cache.put_addresses(name, RecordType::a, std::array{IpAddress::v4({192, 0, 2, 1})}, 60s, now, now + 1h);
    cache.put_no_data(name, RecordType::aaaa, 60s, now);
    std::array<uint8_t, limits::answer_octets> room;
    for (const size_t type : {type_a, type_aaaa}) {
      const Bytes message = edns_query(name.text(), type, opt(1232));
      const size_t before = allocations();
      const size_t size = answer_from(cache, message, room, now + 10s);
      CHECK(allocations() == before);
      CHECK(size == 12 + 49 + 11 + (type == type_a ? 16 : 0));
    }
  }

  TEST_CASE("a refusal, an address reply, and a complete message over TCP allocate nothing") {
    const Bytes refused = joined({header(5, 0x0100, 1, 0, 0, 0), question("version.bind", type_txt, 3)});
    const Bytes asked = question("www.a.example", type_a);
    const Bytes reply = testing::reply(asked, {record(pointer(12), type_a, 60, {192, 0, 2, 1})});
    const Question question{WireName::from(*HostName::parse("www.a.example")), RecordType::a};
    const Bytes stream = joined({u16(refused.size()), refused});
    std::array<uint8_t, 512> room;
    TcpFrames frames;
    std::span<const uint8_t> input = stream;

    const size_t before = allocations();
    const auto frame = frames.next(input);
    const auto reading = read_query(std::get<std::span<const uint8_t>>(frame));
    const size_t size = write_refusal(room, std::get<Refusal>(reading));
    const auto addresses = read_address_reply(reply, question);
    CHECK(allocations() == before);
    CHECK(size == refused.size());
    CHECK(std::get<Addresses>(addresses).list.size() == 1);
  }

  TEST_CASE("an empty cache of any capacity has allocated nothing") {
    const size_t before = allocations();
    Cache cache(1000000, ostiary::HashKey{3, 4});
    CHECK_FALSE(cache.find(WireName(), RecordType::a, {}));
    CHECK(allocations() == before);
  }
}
