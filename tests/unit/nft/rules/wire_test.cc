// The chain `wire`: what is about to leave, though the rules before it had accepted it for this host.
#include <doctest/doctest.h>

#include "nft/rules/held_host.h"

using namespace ostiary;
using namespace ostiary::test;
using namespace ostiary::test::rules;

TEST_SUITE("nft/rules/container/wire") {
  TEST_CASE("a packet from a loopback address does not leave, not even to where others may go") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    host.runs(routes_loopback_addresses);
    for (const Places& at : both_families)
      CHECK(host.sends(agent, tcp({at.loopback, 1}, {at.allowed, 443})) == "stray");
    CHECK(host.sends(agent, tcp({"127.9.9.9", 1}, {places4.allowed, 443})) == "stray");
  }

  TEST_CASE("a packet of a local flow does not leave by another packet's route") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families) {
      const Packet packet = udp({at.own, 2}, {at.own, 8080});
      CHECK(host.sends(agent, packet) == "stays");
      CHECK(host.sends(agent, answer(packet)) == "stays");
      // The kernel looks up the route again for IPv4.
      const bool is_ipv4 = packet.from.address.family() == inet::Family::ipv4;
      CHECK(host.sends(routed_to(at.stranger), packet) == (is_ipv4 ? std::string("stays") : "stray"));
      CHECK(host.sends(agent, packet) == "stays");
      CHECK(host.sends(routed_to(at.stranger, the_gate), packet) == "stray");
    }
  }

  TEST_CASE("what another table gives a source of this host's leaves as from there") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    host.runs(routes_loopback_addresses);
    host.runs(
        "nft 'table inet mine { chain c { type nat hook postrouting priority srcnat\n"
        "oifname \"wire\" masquerade\n } \n }'");
    for (const Places& at : both_families)
      CHECK(host.sends(agent, tcp({at.loopback, 1}, {at.allowed, 443})) ==
            "leaves: " + text(tcp({at.own, 1}, {at.allowed, 443})));
  }

  TEST_CASE("over IPv4 a packet takes the route of its own destination; the gate's goes where it was sent") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    const Sender through_the_container = routed_to(places4.container);
    CHECK(host.sends(through_the_container, tcp({places4.own, 3}, {places4.allowed, 443})) == "leaves");
    CHECK(host.sends(routed_to(places4.container, the_gate), udp({places4.own, 3}, {places4.stranger, 53})) ==
          "enters");
  }
}
