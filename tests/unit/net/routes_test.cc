#include "ostiary/net/routes.h"

#include <doctest/doctest.h>

#include "net/hosts.h"

using namespace ostiary::net;
using namespace ostiary::test;

TEST_SUITE("net/routes") {
  TEST_CASE("a host with nothing but lo reaches nothing") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    CHECK(*read_reach() == Reachable{Reach::none, Reach::none});
  }

  TEST_CASE("each family is judged by its own routes and addresses") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    run("ip link add wire0 type veth peer name wire1 && ip link set wire0 up && ip link set wire1 up");
    run("ip addr add 192.0.2.1/24 dev wire0");
    CHECK(*read_reach() == Reachable{Reach::local, Reach::none});
    run("ip route add default via 192.0.2.2");
    CHECK(*read_reach() == Reachable{Reach::global, Reach::none});
    run("ip -6 route add default via fe80::1 dev wire0");
    CHECK(*read_reach() == Reachable{Reach::global, Reach::none});  // a route, but no source address
    run("ip addr add 2001:db8::1/64 dev wire0 nodad");
    CHECK(*read_reach() == Reachable{Reach::global, Reach::global});
    run("ip route del default && ip -6 route del default");
    CHECK(*read_reach() == Reachable{Reach::local, Reach::local});
    run("ip -6 route add unreachable default && ip route add unreachable default");
    CHECK(*read_reach() == Reachable{Reach::local, Reach::local});
    run("ip -6 route add 2000::/3 via 2001:db8::2");
    CHECK(read_reach()->ipv6 == Reach::global);
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
