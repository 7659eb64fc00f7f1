#include "nft/packet.h"

#include <vector>

#include <doctest/doctest.h>

using namespace ostiary::nft;
using ostiary::inet::IpAddress;

namespace {

using Bytes = std::vector<uint8_t>;

Bytes v4(uint8_t protocol, const Bytes& payload) {
  Bytes bytes{0x45, 0, 0, 60, 0, 0, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 203, 0, 113, 5};
  for (const uint8_t byte : payload) bytes.push_back(byte);
  return bytes;
}

Bytes v6(uint8_t next, const Bytes& payload) {
  Bytes bytes{0x60, 0, 0, 0, 0, 20, next, 64};
  for (const uint8_t last : {uint8_t{1}, uint8_t{5}}) {
    const Bytes address{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last};
    bytes.insert(bytes.end(), address.begin(), address.end());
  }
  for (const uint8_t byte : payload) bytes.push_back(byte);
  return bytes;
}

const Bytes to_443{0xc0, 0, 0x01, 0xbb, 0, 0, 0, 0};

}  // namespace

TEST_SUITE("nft/packet") {
  TEST_CASE("reads address, protocol and port of both families") {
    CHECK(parse_packet(v4(6, to_443)) == PacketTarget{*IpAddress::parse("203.0.113.5"), 6, 443, {}});
    CHECK(parse_packet(v6(17, to_443)) == PacketTarget{*IpAddress::parse("2001:db8::5"), 17, 443, {}});
    CHECK(parse_packet(v4(1, {8, 0})) == PacketTarget{*IpAddress::parse("203.0.113.5"), 1, {}, 8});
    CHECK(parse_packet(v6(58, {128})) == PacketTarget{*IpAddress::parse("2001:db8::5"), 58, {}, 128});
    CHECK(parse_packet(v4(47, to_443))->port == std::nullopt);
  }

  TEST_CASE("finds the ports after options and extension headers") {
    Bytes with_options = v4(6, {1, 1, 1, 0});
    with_options[0] = 0x46;
    with_options.insert(with_options.end(), to_443.begin(), to_443.end());
    CHECK(parse_packet(with_options)->port == 443);
    Bytes extended{60, 0, 0, 0, 0, 0, 0, 0, 17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    extended.insert(extended.end(), to_443.begin(), to_443.end());
    const auto target = parse_packet(v6(0, extended));
    REQUIRE(target);
    CHECK(target->protocol == 17);
    CHECK(target->port == 443);
  }

  TEST_CASE("a later fragment has no port") {
    Bytes fragment = v4(17, to_443);
    fragment[7] = 1;
    CHECK(parse_packet(fragment) == PacketTarget{*IpAddress::parse("203.0.113.5"), 17, {}, {}});
    CHECK(parse_packet(v6(44, {17, 0, 0, 8, 0, 0, 0, 0, 0xc0, 0, 1, 0xbb}))->port == std::nullopt);
    CHECK(parse_packet(v6(44, {17, 0, 0, 1, 0, 0, 0, 0, 0xc0, 0, 1, 0xbb}))->port == 443);
  }

  TEST_CASE("any prefix gives less or nothing, never another value") {
    const Bytes extended{17, 0, 0, 0, 0, 0, 0, 0, 0xc0, 0, 1, 0xbb};
    for (const Bytes& whole :
         {v4(6, to_443), v6(17, to_443), v6(43, extended), v6(44, extended), v6(51, extended)}) {
      const auto full = parse_packet(whole);
      REQUIRE(full);
      for (size_t size = 0; size < whole.size(); ++size) {
        const auto cut = parse_packet(std::span(whole).first(size));
        if (!cut) continue;
        CHECK(cut->destination == full->destination);
        CHECK((!cut->port || cut->port == full->port));
      }
    }
  }

  TEST_CASE("octets that are not an IP header give nothing") {
    CHECK_FALSE(parse_packet({}));
    CHECK_FALSE(parse_packet(Bytes(60, 0x00)));
    CHECK_FALSE(parse_packet(Bytes(60, 0x44)));  // a header length below the minimum
    CHECK_FALSE(parse_packet(Bytes(60, 0xff)));
  }

  TEST_CASE("a chain of extension headers has a limit") {
    CHECK(parse_packet(v6(0, Bytes(1000, 0)))->port == std::nullopt);
  }
}
