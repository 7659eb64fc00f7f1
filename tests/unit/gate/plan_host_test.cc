#include "gate/plan_host.h"

#include <array>

#include <doctest/doctest.h>

using namespace ostiary;
using dns::RecordType;
using gate::Message;
using gate::PlanHost;
using gate::Resolution;

namespace {

constexpr std::array both{RecordType::a, RecordType::aaaa};
constexpr std::array ipv4_only{RecordType::a};

std::vector<upstream::Server> servers(size_t count) {
  std::vector<upstream::Server> made;
  for (uint8_t i = 1; i <= count; ++i)
    made.push_back({.address = inet::IpAddress::v4({192, 0, 2, i}), .zone = {}});
  return made;
}

Message unopened(const std::vector<Resolution>& findings, std::span<const RecordType> types = both,
                 size_t server_count = 1) {
  PlanHost host(inet::HostName::parse("a.example").value(), types.size());
  for (const Resolution& resolution : findings) host.take(resolution);
  CHECK_FALSE(host.resolved());
  const auto asked = servers(server_count);
  return host.unopened({.servers = asked, .types = types, .timeout = std::chrono::seconds(5)});
}

const Resolution none{.kind = Resolution::Kind::no_data};
const Resolution refused{.kind = Resolution::Kind::failed, .failure = "REFUSED"};

}  // namespace

TEST_SUITE("gate/plan_host") {
  TEST_CASE("reports the server's answer") {
    CHECK(unopened({none, none}).reason == "has no address (192.0.2.1:53: NODATA)");
    CHECK(unopened({none}, ipv4_only).reason == "has no IPv4 address (192.0.2.1:53: NODATA)");
    const Resolution missing{.kind = Resolution::Kind::no_such_name};
    CHECK(unopened({missing, missing}).reason == "does not exist (192.0.2.1:53: NXDOMAIN)");
    CHECK(unopened({none}).reason == "did not resolve (192.0.2.1:53: no answer within 5 s)");
    CHECK(unopened({}, {}).reason == "did not resolve (no route leads out of this network)");
  }

  TEST_CASE("a failure takes precedence over an answer, in any order") {
    for (const auto& findings :
         {std::vector{none, refused}, std::vector{refused, none}, std::vector{refused}})
      CHECK(unopened(findings).reason == "did not resolve (192.0.2.1:53: REFUSED)");
  }

  TEST_CASE("private addresses take precedence, and give another kind of message") {
    const std::array addresses{inet::IpAddress::v4({10, 9, 9, 9})};
    const Resolution withheld{.kind = Resolution::Kind::withheld, .addresses = addresses};
    const Message message = unopened({withheld, refused});
    CHECK(message.kind == Message::Kind::withheld);
    CHECK(message.text == "a.example");
    CHECK(message.reason == "has private addresses only (10.9.9.9), which its rule does not open");
    CHECK(unopened({none, none}).kind == Message::Kind::unresolved);
  }

  TEST_CASE("a long list is cut with a mark") {
    CHECK(unopened({none, none}, both, 6).reason ==
          "has no address (192.0.2.1:53, 192.0.2.2:53, 192.0.2.3:53, 192.0.2.4:53 and 2 more: NODATA)");
  }

  TEST_CASE("one address is enough") {
    PlanHost host(inet::HostName::parse("a.example").value(), 2);
    host.take(refused);
    const std::array addresses{inet::IpAddress::v4({192, 0, 2, 9})};
    host.take({.kind = Resolution::Kind::addresses, .addresses = addresses});
    CHECK(host.resolved());
    CHECK_FALSE(host.waits());
  }
}
