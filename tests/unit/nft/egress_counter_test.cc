#include "ostiary/nft/egress_counter.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "net/hosts.h"
#include "nft/client.h"

using namespace ostiary;
using namespace ostiary::test;

namespace {

nft::Counted address(const char* text) {
  return {*inet::IpAddress::parse(text)};
}

}  // namespace

TEST_SUITE("nft/egress_counter") {
  TEST_CASE("counts packets that would leave, by destination, and leaves no rules behind") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    run("nft 'table inet other { chain c { type nat hook output priority -100; ip daddr 192.0.2.2 udp dport "
        "9 dnat ip "
        "to 203.0.113.9\n} \n chain d { type filter hook output priority 0; ip daddr 192.0.2.3 drop\n} \n}'");
    const std::vector addresses{address("198.51.100.1"), address("192.0.2.2"), address("192.0.2.3"),
                                address("2001:db8:1::1"), address("198.51.100.1")};
    {
      const auto egress_counter = nft::EgressCounter::begin(addresses);
      REQUIRE(egress_counter);
      CHECK(egress_counter->read().value() == std::vector<uint64_t>{0, 0, 0, 0, 0});
      for (const char* to :
           {"198.51.100.1", "198.51.100.1", "192.0.2.2", "192.0.2.3", "2001:db8:1::1", "192.0.2.4"})
        run("bash -c 'echo > /dev/udp/" + std::string(to) + "/9' 2>/dev/null || true");
      CHECK(egress_counter->read().value() == std::vector<uint64_t>{2, 1, 0, 1, 2});
    }
    CHECK(output_of("nft list tables") == "table inet other\n");
  }
}
