#include "boot/self_test.h"

#include <vector>

#include <doctest/doctest.h>
#include <netinet/in.h>

using namespace ostiary;

TEST_SUITE("boot/self_test") {
  TEST_CASE("it leaves alone what the plan permits, and every port of an address that is admitted") {
    const auto listed = inet::IpAddress::parse("192.0.2.7").value();
    const auto admitted = inet::IpAddress::parse("2001:db8::9").value();
    const selftest::Targets planned{.permitted = {{.network = listed,
                                                   .prefix_length = 32,
                                                   .protocol = IPPROTO_TCP,
                                                   .first_port = 5432,
                                                   .last_port = 5432}},
                                    .local_upstreams = {{listed, 53}},
                                    .allowed_sockets = {},
                                    .root_only_file = "/file"};
    const auto targets = boot::with_admitted(planned, std::vector{admitted}, 17);
    REQUIRE(targets.permitted.size() == 3);
    CHECK(targets.permitted[0] == planned.permitted[0]);
    for (const size_t i : {1U, 2U}) {
      CHECK(targets.permitted[i].network == admitted);
      CHECK(targets.permitted[i].prefix_length == 128);
      CHECK(targets.permitted[i].first_port == 0);
      CHECK(targets.permitted[i].last_port == 65535);
    }
    CHECK(targets.permitted[1].protocol == IPPROTO_TCP);
    CHECK(targets.permitted[2].protocol == IPPROTO_UDP);
    CHECK(targets.gate_pid == 17);
    CHECK(targets.local_upstreams == planned.local_upstreams);
    CHECK(targets.root_only_file == "/file");
  }
}
