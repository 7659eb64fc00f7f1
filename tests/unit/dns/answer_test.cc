#include "ostiary/dns/answer.h"

#include <algorithm>
#include <array>
#include <string>

#include <doctest/doctest.h>

#include "message_builder.h"

using namespace ostiary::dns;
using namespace ostiary::dns::testing;
using namespace std::chrono_literals;
using ostiary::inet::IpAddress;

namespace {

using Room = std::array<uint8_t, limits::answer_octets>;

Envelope envelope_of(const Bytes& message) {
  const auto reading = read_query(message);
  if (const auto* query = std::get_if<Query>(&reading)) return query->envelope;
  return std::get<Refusal>(reading).envelope;
}

std::vector<IpAddress> many_v6(size_t count) {
  std::vector<IpAddress> addresses;
  for (size_t i = 0; i < count; ++i)
    addresses.push_back(
        IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, static_cast<uint8_t>(i)}));
  return addresses;
}

template <typename Write, typename... Arguments>
Bytes written(size_t limit, Write write, const Arguments&... arguments) {
  Room room;
  room.fill(0xee);
  const size_t size = write(std::span(room).first(limit), arguments...);
  REQUIRE(size <= limit);
  REQUIRE(std::ranges::all_of(std::span(room).subspan(limit), [](uint8_t octet) { return octet == 0xee; }));
  return {room.begin(), room.begin() + static_cast<ptrdiff_t>(size)};
}

Bytes empty(const Bytes& message, Rcode rcode, std::optional<Explanation> why = std::nullopt) {
  return written(512, write_empty, envelope_of(message), rcode, why);
}

}  // namespace

TEST_SUITE("dns/answer") {
  TEST_CASE("answers with addresses under the question's name, with its letter case") {
    const Bytes message = query("wWw.Example.COM", type_a);
    const std::vector<IpAddress> addresses{IpAddress::v4({192, 0, 2, 1}), IpAddress::v4({192, 0, 2, 2})};
    CHECK(written(512, write_addresses, envelope_of(message), addresses, 60s) ==
          joined({header(0x1234, 0x8180, 1, 2, 0, 0), question("wWw.Example.COM", type_a),
                  record(pointer(12), type_a, 60, {192, 0, 2, 1}),
                  record(pointer(12), type_a, 60, {192, 0, 2, 2})}));
  }

  TEST_CASE("answers with IPv6 addresses, and with EDNS if the question has it") {
    const Bytes message = edns_query("a.example", type_aaaa, opt(4096, 0x8000));
    const auto addresses = many_v6(1);
    const auto octets = addresses[0].octets();
    CHECK(written(1232, write_addresses, envelope_of(message), addresses, 1h) ==
          joined({header(0x1234, 0x8180, 1, 1, 0, 1), question("a.example", type_aaaa),
                  record(pointer(12), type_aaaa, 3600, Bytes(octets.begin(), octets.end())),
                  opt(1232, 0x8000)}));
  }

  TEST_CASE("repeats RD and CD and is never authoritative or authenticated") {
    const Bytes asked = question("a.example", type_a);
    CHECK(empty(joined({header(9, 0x0000, 1, 0, 0, 0), asked}), Rcode::no_error) ==
          joined({header(9, 0x8080, 1, 0, 0, 0), asked}));
    CHECK(empty(joined({header(9, 0x07f0, 1, 0, 0, 0), asked}), Rcode::no_error) ==
          joined({header(9, 0x8190, 1, 0, 0, 0), asked}));
  }

  TEST_CASE("keeps a TTL within its limits") {
    const Bytes message = query("a.example", type_a);
    const std::vector<IpAddress> address{IpAddress::v4({192, 0, 2, 1})};
    const auto written_ttl = [&](std::chrono::seconds ttl) {
      const Bytes answer = written(512, write_addresses, envelope_of(message), address, ttl);
      return Bytes(answer.end() - 10, answer.end() - 6);
    };
    CHECK(written_ttl(-5s) == u32(0));
    CHECK(written_ttl(std::chrono::hours(1000000)) == u32(86400));
  }

  TEST_CASE("answers without records: each code, and no other section") {
    const Bytes message = query("a.example", type_txt);
    for (const auto rcode : {Rcode::no_error, Rcode::format_error, Rcode::server_failure, Rcode::no_such_name,
                             Rcode::not_implemented, Rcode::refused})
      CHECK(empty(message, rcode) == joined({header(0x1234, 0x8180U | static_cast<size_t>(rcode), 1, 0, 0, 0),
                                             question("a.example", type_txt)}));
  }

  TEST_CASE("gives the reason for a denial if the question has EDNS") {
    const Explanation why{ExtendedError::blocked, "not in policy"};
    const std::string_view words = "not in policy";
    const Bytes option = joined({u16(15), u16(2 + words.size()), u16(15), Bytes(words.begin(), words.end())});
    CHECK(
        empty(edns_query("evil.example", type_a, opt(1232)), Rcode::no_such_name, why) ==
        joined({header(0x1234, 0x8183, 1, 0, 0, 1), question("evil.example", type_a), opt(1232, 0, option)}));
    CHECK(empty(query("evil.example", type_a), Rcode::no_such_name, why) ==
          joined({header(0x1234, 0x8183, 1, 0, 0, 0), question("evil.example", type_a)}));
  }

  TEST_CASE("fits into 512 octets with any name and explanation, and splits no character") {
    const std::string longest = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                                std::string(63, 'c') + "." + std::string(61, 'd');
    std::string words(199, 'x');
    for (int i = 0; i < 500; ++i) words += "\xc3\xbc";
    const Bytes answer = empty(edns_query(longest, type_a, opt(0)), Rcode::no_such_name,
                               Explanation{ExtendedError::blocked, words});
    CHECK(answer.size() == 12 + 259 + 11 + 6 + 199);
    CHECK(answer.back() == 'x');
  }

  TEST_CASE("omits all records if they do not fit, and sets TC") {
    const auto addresses = many_v6(64);
    const Bytes asked = question("a.example", type_aaaa);
    CHECK(written(512, write_addresses, envelope_of(query("a.example", type_aaaa)), addresses, 60s) ==
          joined({header(0x1234, 0x8380, 1, 0, 0, 0), asked}));
    CHECK(written(1232, write_addresses, envelope_of(edns_query("a.example", type_aaaa, opt(1232))),
                  addresses, 60s) == joined({header(0x1234, 0x8380, 1, 0, 0, 1), asked, opt(1232)}));
    CHECK(written(limits::answer_octets, write_addresses, envelope_of(query("a.example", type_aaaa)),
                  addresses, 60s)
              .size() == 12 + asked.size() + 64 * 28);
  }

  TEST_CASE("uses a datagram up to the last octet, and not more") {
    const Bytes message = query("abcdefgh.example", type_aaaa);
    const auto addresses = many_v6(20);
    const size_t size = message.size() + addresses.size() * 28;
    CHECK(written(size, write_addresses, envelope_of(message), addresses, 60s).size() == size);
    CHECK(written(size - 1, write_addresses, envelope_of(message), addresses, 60s).size() == message.size());
  }

  TEST_CASE("knows the maximum size of an answer") {
    CHECK(answer_limit(envelope_of(query("a.example", type_a)), Transport::udp) == 512);
    CHECK(answer_limit(envelope_of(edns_query("a.example", type_a, opt(900))), Transport::udp) == 900);
    CHECK(answer_limit(envelope_of(edns_query("a.example", type_a, opt(9000))), Transport::udp) == 1232);
    CHECK(answer_limit(envelope_of(query("a.example", type_a)), Transport::tcp) == limits::answer_octets);
  }

  TEST_CASE("writes nothing into a buffer that is too small for any answer") {
    std::array<uint8_t, 511> room{};
    const Bytes message = query("a.example", type_a);
    CHECK(write_empty(room, envelope_of(message), Rcode::refused) == 0);
    CHECK(write_addresses(room, envelope_of(message), {}, 1s) == 0);
  }

  TEST_CASE("passes on records of other types") {
    const Bytes message = query("a.example", type_mx);
    const RrSet records{RecordType::mx, 30s, {joined({u16(10), name("mail.example")})}};
    CHECK(written(512, write_records, envelope_of(message), records) ==
          joined({header(0x1234, 0x8180, 1, 1, 0, 0), question("a.example", type_mx),
                  record(pointer(12), type_mx, 30, joined({u16(10), name("mail.example")}))}));
  }

  TEST_CASE("a refusal contains the question if it could be read") {
    const auto refused = [](const Bytes& message) {
      return written(512, write_refusal, std::get<Refusal>(read_query(message)));
    };
    const Bytes chaos = joined({header(5, 0x0100, 1, 0, 0, 0), question("version.bind", type_txt, 3)});
    CHECK(refused(chaos) == joined({header(5, 0x8185, 1, 0, 0, 0), question("version.bind", type_txt, 3)}));
    CHECK(refused(header(5, 0x2800, 1, 0, 0, 0)) == header(5, 0xa884, 0, 0, 0, 0));
    CHECK(refused(edns_query("a.example", type_a, opt(512, 0x00ff0000))) ==
          joined({header(0x1234, 0x8180, 1, 0, 0, 1), question("a.example", type_a), opt(1232, 0x01000000)}));
  }
}
