// The chains `arrival`, `input` and `forward` of container scope, and answers to what came in.
#include <doctest/doctest.h>
#include <netinet/icmp6.h>

#include "nft/rules/held_host.h"

using namespace ostiary;
using namespace ostiary::test;
using namespace ostiary::test::rules;

namespace {

constexpr uint8_t accepting = flag::syn | flag::ack;

}  // namespace

TEST_SUITE("nft/rules/container/arrivals") {
  TEST_CASE("clients may begin flows to the ports of --allow-inbound, and get answers") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families) {
      const Packet syn = tcp({at.client, 1}, {at.own, service_port});
      CHECK(host.gets(syn) == "accepted");
      CHECK(host.sends(agent, answer(syn, accepting)) == "leaves");
      CHECK(host.gets(again(syn, flag::ack)) == "accepted");
      CHECK(host.sends(agent, answer(syn, flag::ack)) == "leaves");
      const Packet datagram = udp({at.client, 1}, {at.own, service_port});
      CHECK(host.gets(datagram) == "accepted");
      CHECK(host.sends(agent, answer(datagram)) == "leaves");
      // The kernel may say that nothing listens there.
      CHECK(host.sends(root, port_unreachable(datagram)) == "leaves");
    }
  }

  TEST_CASE("other flows from outside are dropped and logged") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families)
      for (const auto& kind : {+[](const Endpoint& from, const Endpoint& to) { return tcp(from, to); },
                               +[](const Endpoint& from, const Endpoint& to) { return udp(from, to); }}) {
        CHECK(host.gets(kind({at.client, 2}, {at.own, 8080})) == "inbound");
        CHECK(host.gets(kind({at.stranger, 2}, {at.own, service_port})) == "inbound");
        CHECK(host.gets_as_one_of_many(kind({at.stranger, 3}, {at.own, 8080})) == "dropped");
      }
    for (const Places& at : both_families) {
      CHECK(host.gets(of_protocol(unknown_protocol, {at.client, 2}, {at.own, service_port})) == "inbound");
      CHECK(host.gets(of_protocol(IPPROTO_GRE, at.client, at.own)) == "inbound");
    }
  }

  TEST_CASE("pings and reports of groups are the kernel's") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families) {
      const Packet ping = echo_request({at.stranger, 4}, at.own);
      CHECK(host.gets(ping) == "leaves: " + text(answer(ping)) + ", accepted");
    }
    CHECK(host.gets(of_protocol(IPPROTO_IGMP, places4.stranger, places4.own)) == "accepted");
  }

  TEST_CASE("a connection that is first seen under way is received, and not answered but by a service") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families) {
      const Packet stranger = tcp({at.stranger, 443}, {at.own, 5}, flag::ack);
      CHECK(host.gets(stranger) == "accepted");
      CHECK(host.sends(agent, answer(stranger, flag::ack)) == "denied");

      const Packet client = tcp({at.client, 5}, {at.own, service_port}, flag::ack);
      CHECK(host.gets(client) == "accepted");
      CHECK(host.sends(agent, answer(client, flag::ack)) == "leaves");
      CHECK(host.sends(agent, answer(client, flag::rst)) == "leaves");

      // Not to other clients, and not from other ports.
      const Packet other_client = tcp({at.stranger, 6}, {at.own, service_port}, flag::ack);
      CHECK(host.gets(other_client) == "accepted");
      CHECK(host.sends(agent, answer(other_client, flag::ack)) == "denied");
      const Packet other_port = tcp({at.client, 6}, {at.own, 8080}, flag::ack);
      CHECK(host.gets(other_port) == "accepted");
      CHECK(host.sends(agent, answer(other_port, flag::ack)) == "denied");
    }
  }

  TEST_CASE("where the kernel does not track a service's connection, its answers leave") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    host.runs(
        "nft 'table inet exempts { chain c { type filter hook output priority raw\n notrack\n } \n"
        "chain d { type filter hook prerouting priority raw\n notrack\n } \n }'");
    for (const Places& at : both_families) {
      const Packet accepted = tcp({at.own, service_port}, {at.client, 8}, accepting);
      CHECK(host.sends(agent, accepted) == "leaves");
      CHECK(host.sends(agent, again(accepted, flag::rst)) == "leaves");
      CHECK(host.sends(agent, again(accepted, flag::ack)) == "leaves");
      CHECK(host.sends(agent, again(accepted, flag::syn)) == "no-rule");
      CHECK(host.sends(agent, tcp({at.own, 8080}, {at.client, 8}, accepting)) == "no-rule");
      CHECK(host.sends(agent, tcp({at.own, service_port}, {at.stranger, 8}, accepting)) == "no-rule");
    }
  }

  TEST_CASE("where the kernel tracks connections, a service's port is no way to begin one") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families)
      for (const uint8_t flags : {flag::syn, flag::ack})
        CHECK(host.sends(agent, tcp({at.own, service_port}, {at.client, 9}, flags)) == "denied");
  }

  TEST_CASE("a connection to a client that is older than the rules goes on, and is not begun again") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    host.runs("nft 'add table inet ostiary { flags dormant; }'");
    for (const Places& at : both_families)
      host.connected(agent, tcp({at.own, service_port}, {at.client, 10}));
    host.runs("nft 'add table inet ostiary'");
    host.settles(container_rules());
    for (const Places& at : both_families) {
      const Packet packet = tcp({at.own, service_port}, {at.client, 10}, flag::ack);
      CHECK(host.sends(agent, packet) == "leaves");
      CHECK(host.sends(agent, again(packet, flag::syn)) == "denied");
    }
  }

  TEST_CASE("a source that is not behind its interface is forged") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families) {
      CHECK(host.gets(tcp({at.stranger, 1}, {at.own, service_port}), inner) == "forged");
      CHECK(host.gets(echo_request(at.stranger, at.own), inner) == "forged");
      CHECK(host.gets(echo_request(at.container, at.own)) == "forged");
      CHECK(host.gets(udp({at.stranger, 1}, {at.allowed, 443}), inner) == "forged");
      CHECK(host.gets_as_one_of_many(udp({at.stranger, 1}, {at.own, 1}), inner) == "dropped");
      CHECK(host.gets_as_one_of_many(echo_request(at.stranger, at.own)).ends_with("accepted"));
    }
  }

  TEST_CASE("a host without an address may ask whether one is free, and nothing else") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    const Packet solicitation = icmp("::", places6.towards_container, ND_NEIGHBOR_SOLICIT);
    CHECK(host.gets(with_hop_limit(solicitation, 255), inner) == "accepted");
    CHECK(host.gets(with_hop_limit(solicitation, 254), inner) == "forged");
    CHECK(host.gets(with_hop_limit(echo_request("::", places6.own), 255), inner) == "forged");
    CHECK(host.gets(with_hop_limit(icmp(places6.stranger, places6.own, ND_NEIGHBOR_SOLICIT), 255), inner) ==
          "forged");
  }

  TEST_CASE("a container inside reaches nothing, and learns it") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families) {
      CHECK(host.gets(tcp({at.container, 1}, {at.allowed, 443}), inner) == "denied");
      CHECK(host.gets(udp({at.container, 1}, {at.allowed, 443}), inner) == "denied");
      CHECK(host.gets(echo_request(at.container, at.stranger), inner) == "denied");
    }
  }

  TEST_CASE("a container's connection that is older than the rules is refused as well") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    host.runs("nft 'add table inet ostiary { flags dormant; }'");
    for (const Places& at : both_families) {
      const Packet syn = tcp({at.container, 2}, {at.stranger, 443});
      CHECK(host.gets(syn, inner) == "leaves");
      CHECK(host.gets(answer(syn, accepting)) == "enters");
    }
    host.runs("nft 'add table inet ostiary'");
    for (const Places& at : both_families) {
      const Packet connection = tcp({at.container, 2}, {at.stranger, 443}, flag::ack);
      CHECK(host.gets(connection, inner) == "denied");
      // The agent gains nothing by taking the container's address.
      CHECK(host.sends(agent, connection) == "forged");
    }
  }
}
