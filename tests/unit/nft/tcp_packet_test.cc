#include "nft/tcp_packet.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace ostiary;
using namespace ostiary::nft;

namespace {

using Octets = std::vector<uint8_t>;

constexpr uint8_t tcp = 6;

Octets operator+(Octets a, const Octets& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Ports 40000 and 443, sequence 0x01020304, acknowledged 0x05060708, ACK and URG; a header of `words`.
Octets segment(const Octets& data, uint8_t words = 5) {
  Octets header{0x9c, 0x40, 0x01, 0xbb, 1, 2, 3, 4, 5, 6, 7, 8, static_cast<uint8_t>(words << 4U), 0x30};
  header.resize(words * size_t{4});
  return header + data;
}

Octets ipv4(const Octets& content, uint8_t protocol = tcp, uint8_t words = 5) {
  Octets header{static_cast<uint8_t>(0x40 | words),
                0,
                0,
                static_cast<uint8_t>(words * 4 + content.size()),
                0,
                0,
                0,
                0,
                64,
                protocol,
                0,
                0,
                10,
                0,
                0,
                2,
                192,
                0,
                2,
                1};
  header.resize(words * size_t{4});
  return header + content;
}

Octets ipv6(const Octets& content, uint8_t next = tcp) {
  Octets header(40);
  header[0] = 0x60;
  header[5] = static_cast<uint8_t>(content.size());
  header[6] = next;
  header[8] = 0xfd;
  header[24] = 0x20;
  header[39] = 7;
  return header + content;
}

std::string data_of(const TcpPacket& packet) {
  return {packet.data.begin(), packet.data.end()};
}

}  // namespace

TEST_SUITE("nft/tcp_packet") {
  TEST_CASE("a packet of each family") {
    const Octets octets = ipv4(segment({'a', 'b'}));
    const auto packet = parse_tcp_packet(octets);
    REQUIRE(packet);
    CHECK(packet->source.text() == "10.0.0.2");
    CHECK(packet->destination.text() == "192.0.2.1");
    CHECK(packet->source_port == 40000);
    CHECK(packet->destination_port == 443);
    CHECK(packet->sequence == 0x01020304);
    CHECK(packet->acknowledged == 0x05060708);
    CHECK(packet->flags == 0x30);
    CHECK(data_of(*packet) == "ab");
    const Octets six = ipv6(segment({'c'}, 8));
    const auto other = parse_tcp_packet(six);
    REQUIRE(other);
    CHECK(other->source.text() == "fd00::");
    CHECK(other->destination.text() == "2000::7");
    CHECK(data_of(*other) == "c");
  }

  TEST_CASE("options of IPv4 and padding of the link are no data") {
    const Octets octets = ipv4(segment({'a'}), tcp, 8) + Octets(9, 0);
    const auto packet = parse_tcp_packet(octets);
    REQUIRE(packet);
    CHECK(data_of(*packet) == "a");
  }

  TEST_CASE("what is cut off, is no TCP, or is a fragment is no packet") {
    for (const Octets& whole : {ipv4(segment({'a'})), ipv6(segment({'a'}))})
      for (size_t size = 0; size < whole.size(); ++size)
        CHECK_FALSE(parse_tcp_packet(std::span(whole).first(size)));
    CHECK_FALSE(parse_tcp_packet(ipv4(segment({}), 17)));
    CHECK_FALSE(parse_tcp_packet(ipv6(segment({}), 0)));  // an extension header
    CHECK_FALSE(parse_tcp_packet(ipv4(segment({}, 4))));
    CHECK_FALSE(parse_tcp_packet(ipv4(Octets(19))));
    Octets longer = ipv4(segment({}));
    longer[32] = 0xf0;  // a header of 60 octets, of which 20 are there
    CHECK_FALSE(parse_tcp_packet(longer));
    for (const auto& [at, value] : {std::pair{6, 0x20}, std::pair{7, 1}}) {
      Octets fragment = ipv4(segment({'a'}));
      fragment[static_cast<size_t>(at)] = static_cast<uint8_t>(value);
      CHECK_FALSE(parse_tcp_packet(fragment));
    }
    Octets other = ipv4(segment({}));
    other[0] = 0x55;
    CHECK_FALSE(parse_tcp_packet(other));
    other[0] = 0x44;
    CHECK_FALSE(parse_tcp_packet(other));
  }
}
