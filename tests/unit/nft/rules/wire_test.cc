// The chains `wire` and `reroute`: accepted packets leave by their own route, or not at all.
#include <array>

#include <doctest/doctest.h>
#include <netinet/in.h>

#include "nft/rules/closed_socket.h"
#include "nft/rules/filtered_host.h"
#include "ostiary/nft/marks.h"

using namespace ostiary;
using namespace ostiary::test;
using namespace ostiary::test::rules;

namespace {

constexpr uint16_t service = 443;
constexpr std::array<uint8_t, 40> some_data{};
constexpr const char* neighbour_that_answers_for_others =
    "for each in wire inner; do ip neigh replace 192.0.2.9 lladdr 02:00:00:00:00:99 dev $each nud permanent; "
    "done";
constexpr const char* forget_that_neighbour =
    "for each in wire inner; do ip neigh del 192.0.2.9 dev $each; done";

void check_packets_to_many(FilteredHost& host) {
  for (const char* many : {"239.1.2.3", "255.255.255.255"}) {
    host.admit(many, IPPROTO_UDP, service);
    CHECK(host.sends(routed_to(addresses4.container), udp({addresses4.own, 8}, {many, service})) == "enters");
  }
  host.admit("ff0e::7", IPPROTO_UDP, service);
  for (const char* link : {inner, wire})
    CHECK(host.sends(on(link), udp({addresses6.own, 8}, {"ff0e::7", service})) ==
          (link == inner ? "enters" : "leaves"));
}

// An inverted mark drops a packet, or routes it inside. The other mark is the gate's.
constexpr const char* show_inverted_marks =
    "nft 'table inet sees { chain before { type filter hook output priority 0\n"
    "meta mark { 0xffffffff, 0x908c8b96 } drop\n }\n"
    "chain after { type filter hook postrouting priority 300\n"
    "meta mark { 0xffffffff, 0x908c8b96 } drop\n }\n }'\n"
    "ip rule add fwmark 0xffffffff lookup 100; ip route replace default via 10.9.0.2 table 100";
static_assert(~the_gates_mark == 0x908c8b96);
constexpr const char* stop_showing_them =
    "ip rule del fwmark 0xffffffff lookup 100; ip route flush table 100";

}  // namespace

TEST_SUITE("nft/rules/container/wire") {
  TEST_CASE("a packet from a loopback address does not leave, not even to allowed destinations") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    host.runs(routes_loopback_addresses);
    for (const Addresses& at : both_families)
      CHECK(host.sends(agent, tcp({at.loopback, 1}, {at.allowed, 443})) == "stray");
    CHECK(host.sends(agent, tcp({"127.9.9.9", 1}, {addresses4.allowed, 443})) == "stray");
  }

  TEST_CASE("a packet of a local flow does not leave by another packet's route") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
      const Packet packet = udp({at.own, 2}, {at.own, 8080});
      CHECK(host.sends(agent, packet) == "stays");
      CHECK(host.sends(agent, answer(packet)) == "stays");
      // The kernel looks up the route again.
      CHECK(host.sends(routed_to(at.unlisted), packet) == "stays");
      CHECK(host.sends(agent, packet) == "stays");
      CHECK(host.sends(routed_to(at.unlisted, the_gate), packet) == "stray");
    }
  }

  TEST_CASE("packets that another table gives an own source address leave") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    host.runs(routes_loopback_addresses);
    host.runs(masquerades);
    for (const Addresses& at : both_families)
      CHECK(host.sends(agent, tcp({at.loopback, 1}, {at.allowed, 443})) ==
            "leaves: " + text(tcp({at.own, 1}, {at.allowed, 443})));
  }

  TEST_CASE("over IPv4 a packet takes its destination's route; the gate's packets are not rerouted") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    const Sender through_the_container = routed_to(addresses4.container);
    CHECK(host.sends(through_the_container, tcp({addresses4.own, 3}, {addresses4.allowed, 443})) == "leaves");
    CHECK(host.sends(routed_to(addresses4.unlisted, the_gate),
                     udp({addresses4.own, 3}, {addresses4.container, 53})) == "leaves");
  }

  TEST_CASE("a packet to many goes to the link that it was sent to") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    check_packets_to_many(host);
  }

  TEST_CASE("a packet does not leave by an interface without a route") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    host.admit(addresses4.container, IPPROTO_TCP, service);
    CHECK(host.sends(on(inner), tcp({addresses4.own, 4}, {addresses4.container, service})) == "enters");
    CHECK(host.sends(on(inner), tcp({addresses4.own, 4}, {addresses4.allowed, service})) == "stray");
  }

  TEST_CASE("other tables never see the inverted mark, and routing does not use it") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    host.runs(show_inverted_marks);
    CHECK(host.sends(agent, tcp({addresses4.own, 6}, {addresses4.allowed, service})) == "leaves");
    for (const Addresses& at : both_families)
      CHECK(host.sends(agent, udp({at.loopback, 6}, {at.loopback, 53})) == "stays");
    host.runs(stop_showing_them);
  }
}

TEST_SUITE("nft/rules/user/wire") {
  TEST_CASE("the gate's listeners answer nobody outside; other services do") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    host.runs(routes_loopback_addresses);
    for (const Addresses& at : both_families)
      for (const Sender& sender : {root, the_gate}) {
        CHECK(host.sends(sender, tcp({at.loopback, the_gates_port}, {at.unlisted, 9})) == "stray");
        CHECK(host.sends(sender, udp({at.loopback, the_gates_port}, {at.unlisted, 9})) == "stray");
        CHECK(host.sends(sender, udp({at.loopback, the_gates_port}, {at.loopback, 9})) == "stays");
        CHECK(host.sends(sender, udp({at.own, the_gates_port}, {at.unlisted, 9})) == "leaves");
        CHECK(host.sends(sender, udp({at.loopback, 8081}, {at.unlisted, the_gates_port})) == "leaves");
      }
  }

  TEST_CASE("over IPv4 the agent's packet takes its destination's route; another user's need not") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    const Sender theirs = routed_to(addresses4.container, other_user);
    const Packet packet = tcp({addresses4.own, 7}, {addresses4.allowed, service});
    CHECK(host.sends(routed_to(addresses4.container), packet) == "leaves");
    CHECK(host.sends(theirs, again(packet, flag::ack)) == "enters");
    host.runs(exempts_from_tracking);
    CHECK(host.sends(theirs, packet) == "enters");
  }

  TEST_CASE(
      "the agent's packet to another host does not go over lo, where another user's service may get it") {
    if (!can_make_hosts_as_real_root()) return;
    nft::Ruleset ruleset = user_rules();
    SUBCASE("if the routes are known") {}
    SUBCASE("if they are not") {
      ruleset.routes.reset();
    }
    FilteredHost host(ruleset);
    // Over IPv6 it needs a route, which makes the address local.
    CHECK(host.sends(on("lo"), tcp({addresses4.own, 4}, {addresses4.allowed, service})) == "stray");
  }

  TEST_CASE("the agent's packet to this host does not leave") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    const char* const local = addresses4.towards_container;
    host.admit(local, IPPROTO_TCP, service);
    CHECK(host.sends(agent, tcp({addresses4.own, 5}, {local, service})) == "stays");
    // The kernel finds no route by `wire` to that address, so the packet keeps the route it had.
    const Sender away = on(wire, routed_to(addresses4.unlisted));
    CHECK(host.sends(away, tcp({addresses4.own, 6}, {local, service})) == "stray");
  }

  TEST_CASE("a packet to many goes to the link that it was sent to") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    check_packets_to_many(host);
  }

  TEST_CASE("the agent's packet does not leave by an interface without a route") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    CHECK(host.sends(on(inner), tcp({addresses4.own, 4}, {addresses4.allowed, service})) == "stray");
    const Packet syn = tcp({addresses4.unlisted, 5}, {addresses4.own, 8080});
    CHECK(host.gets(syn) == "accepted");
    CHECK(host.sends(on(inner), answer(syn, flag::syn | flag::ack)) == "stray");
    host.admit(addresses4.container, IPPROTO_TCP, service);
    CHECK(host.sends(on(inner), tcp({addresses4.own, 4}, {addresses4.container, service})) == "enters");
  }

  TEST_CASE("other tables never see the inverted mark, and routing does not use it") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    host.runs(show_inverted_marks);
    CHECK(host.sends(agent, tcp({addresses4.own, 6}, {addresses4.allowed, service})) == "leaves");
    const auto closes = [&](const Sender& sender) {
      ClosedSocket socket(host, sender, {addresses4.allowed, service});
      return socket.closes_after_writing(some_data);
    };
    CHECK(closes(agent).starts_with("leaves: tcp"));
    CHECK(closes(other_user).starts_with("leaves: tcp"));
    {
      ClosedSocket socket(host, agent, {addresses4.allowed, service});
      host.mark(socket.syn(), nft::agent_marks(the_gates_mark).requests);
      CHECK(socket.closes_after_writing(some_data) == "accepted");
      CHECK(socket.is_asked_again().starts_with("leaves: tcp"));
    }
    host.runs(exempts_from_tracking);
    CHECK(closes(agent).starts_with("leaves: tcp"));
    CHECK(closes(the_gate).starts_with("leaves: tcp"));
    host.runs(stop_showing_them);
  }

  TEST_CASE("a socket that the agent closed sends nothing to a neighbour; another user's does") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    host.runs(neighbour_that_answers_for_others);
    const auto closes = [&](const Sender& sender, const char* device) {
      ClosedSocket socket(host, sender, {addresses4.allowed, service});
      socket.is_bound_to(device);
      const std::string all = socket.closes_after_writing(some_data);
      return all.substr(0, all.find(':'));
    };
    const auto check_agents = [&] {
      CHECK(closes(agent, wire) == "leaves");
      CHECK(closes(agent, inner) == "wrong-interface, accepted");
    };
    check_agents();
    for (const char* device : {wire, inner}) {
      ClosedSocket socket(host, agent, {addresses4.allowed, service});
      host.mark(socket.syn(), nft::agent_marks(the_gates_mark).requests);
      socket.is_bound_to(device);
      CHECK(socket.closes_after_writing(some_data) == "accepted");
      CHECK(
          socket.is_asked_again().starts_with(device == wire ? "leaves: tcp" : "wrong-interface, accepted"));
    }
    for (const char* device : {wire, inner}) CHECK(closes(other_user, device) == "goes to a neighbour");
    host.runs(exempts_from_tracking);
    check_agents();
    host.runs(forget_that_neighbour);
  }
}
