#include "ostiary/net/routes.h"

#include <algorithm>

#include <doctest/doctest.h>
#include <net/if.h>

#include "net/hosts.h"

using namespace ostiary;
using namespace ostiary::net;
using namespace ostiary::test;

namespace {

inet::RoutedNetwork routed(uint32_t interface, const char* network) {
  return {interface, *inet::Prefix::parse(network)};
}

}  // namespace

TEST_SUITE("net/routes") {
  TEST_CASE("a host with nothing but lo reaches nothing") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    CHECK(read_routes()->reach == Reachable{Reach::none, Reach::none});
  }

  TEST_CASE("each family is judged by its own routes and addresses") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    run("ip link add wire0 type veth peer name wire1 && ip link set wire0 up && ip link set wire1 up");
    run("ip addr add 192.0.2.1/24 dev wire0");
    CHECK(read_routes()->reach == Reachable{Reach::local, Reach::none});
    run("ip route add default via 192.0.2.2");
    CHECK(read_routes()->reach == Reachable{Reach::global, Reach::none});
    run("ip -6 route add default via fe80::1 dev wire0");
    CHECK(read_routes()->reach == Reachable{Reach::global, Reach::none});  // a route, but no source address
    run("ip addr add 2001:db8::1/64 dev wire0 nodad");
    CHECK(read_routes()->reach == Reachable{Reach::global, Reach::global});
    run("ip route del default && ip -6 route del default");
    CHECK(read_routes()->reach == Reachable{Reach::local, Reach::local});
    run("ip -6 route add unreachable default && ip route add unreachable default");
    CHECK(read_routes()->reach == Reachable{Reach::local, Reach::local});
    run("ip -6 route add 2000::/3 via 2001:db8::2");
    CHECK(read_routes()->reach.ipv6 == Reach::global);
  }

  TEST_CASE("networks inside another one of the same interface are omitted") {
    CHECK(without_inner({routed(2, "10.1.2.0/24"), routed(2, "10.1.0.0/16"), routed(3, "10.1.2.0/24"),
                         routed(2, "10.2.0.0/16"), routed(2, "10.1.2.3")}) ==
          std::vector{routed(2, "10.1.0.0/16"), routed(2, "10.2.0.0/16"), routed(3, "10.1.2.0/24")});
    CHECK(without_inner({routed(2, "192.0.2.0/24"), routed(2, "0.0.0.0/0")}) ==
          std::vector{routed(2, "0.0.0.0/0")});
    CHECK(without_inner({}).empty());
  }

  TEST_CASE("routes of all tables and all next hops count, and changes are noticed") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    run("ip link add wire0 type veth peer name wire1 && ip link set wire0 up && ip link set wire1 up");
    auto watch = RouteWatch::open();
    REQUIRE(watch);
    CHECK(watch->read() == Routes::as_they_were);
    run("ip addr add 192.0.2.1/24 dev wire0 && ip addr add 198.51.100.1/24 dev wire1");
    CHECK(watch->read() == Routes::changed);
    CHECK(watch->read() == Routes::as_they_were);
    run("ip route add 203.0.113.0/25 via 192.0.2.2 table 7");
    run("ip route add 203.0.113.128/25 nexthop via 192.0.2.2 nexthop via 198.51.100.2");
    run("ip route add unreachable 10.0.0.0/8 && ip route add blackhole 10.1.0.0/16");
    const uint32_t zero = ::if_nametoindex("wire0");
    const uint32_t one = ::if_nametoindex("wire1");
    auto expected = std::vector{routed(zero, "192.0.2.0/24"), routed(zero, "203.0.113.0/25"),
                                routed(zero, "203.0.113.128/25"), routed(one, "198.51.100.0/24"),
                                routed(one, "203.0.113.128/25")};
    std::ranges::sort(expected);
    CHECK(*read_routed_networks() == expected);
    CHECK(read_routes()->networks == expected);
    run("ip route add default dev wire1");
    CHECK(std::ranges::count(*read_routed_networks(), routed(one, "0.0.0.0/0")) == 1);
  }
}

TEST_SUITE("net/interfaces") {
  TEST_CASE("brings lo up, also repeatedly") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    run("ip link set lo down");
    CHECK(bring_loopback_up());
    CHECK(output_of("ip -br addr show lo").find("127.0.0.1") != std::string::npos);
    CHECK(bring_loopback_up());
  }
}
