#include "ostiary/netlink/message.h"

#include <cerrno>
#include <vector>

#include <doctest/doctest.h>
#include <linux/netlink.h>

using namespace ostiary::netlink;

namespace {

using Bytes = std::vector<uint8_t>;

}  // namespace

TEST_SUITE("netlink/message") {
  TEST_CASE("reads attributes with padding between them") {
    const Bytes bytes{7, 0, 1, 0, 'a', 'b', 0, 0, 8, 0, 2, 0x80, 0, 0, 1, 2};
    std::span<const uint8_t> rest = bytes;
    const auto first = next_attribute(rest);
    REQUIRE(first);
    CHECK(first->type == 1);
    CHECK(first->text() == "ab");
    const auto second = next_attribute(rest);
    REQUIRE(second);
    CHECK(second->type == 2);
    CHECK(second->be32() == 258);
    CHECK_FALSE(second->be16());
    CHECK_FALSE(next_attribute(rest));
    CHECK(find_attribute(bytes, 2));
    CHECK_FALSE(find_attribute(bytes, 3));
  }

  TEST_CASE("stops at an attribute that is shorter than its header or longer than the bytes") {
    for (const Bytes& bytes :
         {Bytes{3, 0, 1, 0}, Bytes{0, 0, 1, 0}, Bytes{9, 0, 1, 0, 1, 2, 3, 4}, Bytes{4, 0, 1}}) {
      std::span<const uint8_t> rest = bytes;
      CHECK_FALSE(next_attribute(rest));
    }
  }

  TEST_CASE("any prefix of a message is no message") {
    const Bytes whole{20, 0, 0, 0, 3, 10, 1, 0, 5, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 7};
    for (size_t size = 0; size < whole.size(); ++size) {
      std::span<const uint8_t> rest = std::span(whole).first(size);
      CHECK_FALSE(next_message(rest));
    }
    std::span<const uint8_t> rest = whole;
    const auto message = next_message(rest);
    REQUIRE(message);
    CHECK(message->type == 0x0a03);
    CHECK(message->sequence == 5);
    CHECK(message->port == 9);
    const auto header = netfilter_header(*message);
    REQUIRE(header);
    CHECK(header->family == 1);
    CHECK(header->resource == 7);
    CHECK(rest.empty());
  }

  TEST_CASE("an acknowledgement contains a valid errno") {
    const auto says = [](int32_t code) {
      const auto* octets = reinterpret_cast<const uint8_t*>(&code);
      return acknowledged({.type = NLMSG_ERROR, .payload = std::span(octets, sizeof code)});
    };
    CHECK(says(0) == 0);
    CHECK(says(-EPERM) == EPERM);
    for (const int32_t nonsense : {INT32_MIN, INT32_MAX, 1, -4096}) CHECK(says(nonsense) == EPROTO);
    CHECK_FALSE(acknowledged({.type = NLMSG_ERROR, .payload = {}}));
    CHECK_FALSE(acknowledged({.type = NLMSG_DONE, .payload = {}}));
  }
}
