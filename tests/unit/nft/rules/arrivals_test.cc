// The chains `arrival`, `input` and `forward` of container scope, and answers to inbound packets.
#include <doctest/doctest.h>
#include <netinet/icmp6.h>

#include "nft/rules/filtered_host.h"

using namespace ostiary;
using namespace ostiary::test;
using namespace ostiary::test::rules;

namespace {

constexpr uint8_t accepting = flag::syn | flag::ack;

}  // namespace

TEST_SUITE("nft/rules/container/arrivals") {
  TEST_CASE("clients may begin flows to the ports of --allow-inbound, and get answers") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
      const Packet syn = tcp({at.client, 1}, {at.own, service_port});
      CHECK(host.gets(syn) == "accepted");
      CHECK(host.sends(agent, answer(syn, accepting)) == "leaves");
      CHECK(host.gets(again(syn, flag::ack)) == "accepted");
      CHECK(host.sends(agent, answer(syn, flag::ack)) == "leaves");
      const Packet datagram = udp({at.client, 1}, {at.own, service_port});
      CHECK(host.gets(datagram) == "accepted");
      CHECK(host.sends(agent, answer(datagram)) == "leaves");
      // The kernel may answer that nothing listens there.
      CHECK(host.sends(root, port_unreachable(datagram)) == "leaves");
    }
  }

  TEST_CASE("other flows from outside are dropped and logged") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families)
      for (const auto& kind : {+[](const Endpoint& from, const Endpoint& to) { return tcp(from, to); },
                               +[](const Endpoint& from, const Endpoint& to) { return udp(from, to); }}) {
        CHECK(host.gets(kind({at.client, 2}, {at.own, 8080})) == "inbound");
        CHECK(host.gets(kind({at.unlisted, 2}, {at.own, service_port})) == "inbound");
        CHECK(host.gets_by_multicast(kind({at.unlisted, 3}, {at.own, 8080})) == "dropped");
      }
    for (const Addresses& at : both_families) {
      CHECK(host.gets(of_protocol(unknown_protocol, {at.client, 2}, {at.own, service_port})) == "inbound");
      CHECK(host.gets(of_protocol(IPPROTO_GRE, at.client, at.own)) == "inbound");
    }
  }

  TEST_CASE("pings are answered, and multicast reports accepted") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
      const Packet ping = echo_request({at.unlisted, 4}, at.own);
      CHECK(host.gets(ping) == "leaves: " + text(answer(ping)) + ", accepted");
    }
    CHECK(host.gets(of_protocol(IPPROTO_IGMP, addresses4.unlisted, addresses4.own)) == "accepted");
  }

  TEST_CASE("packets of a connection without a seen SYN are accepted, and only a service may answer") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
      const Packet unlisted = tcp({at.unlisted, 443}, {at.own, 5}, flag::ack);
      CHECK(host.gets(unlisted) == "accepted");
      CHECK(host.sends(agent, answer(unlisted, flag::ack)) == "denied");

      const Packet client = tcp({at.client, 5}, {at.own, service_port}, flag::ack);
      CHECK(host.gets(client) == "accepted");
      CHECK(host.sends(agent, answer(client, flag::ack)) == "leaves");
      CHECK(host.sends(agent, answer(client, flag::rst)) == "leaves");

      // No answers to other clients, or from other ports.
      const Packet other_client = tcp({at.unlisted, 6}, {at.own, service_port}, flag::ack);
      CHECK(host.gets(other_client) == "accepted");
      CHECK(host.sends(agent, answer(other_client, flag::ack)) == "denied");
      const Packet other_port = tcp({at.client, 6}, {at.own, 8080}, flag::ack);
      CHECK(host.gets(other_port) == "accepted");
      CHECK(host.sends(agent, answer(other_port, flag::ack)) == "denied");
    }
  }

  TEST_CASE("a service's answers leave without connection tracking") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    host.runs(
        "nft 'table inet exempts { chain c { type filter hook output priority raw\n notrack\n } \n"
        "chain d { type filter hook prerouting priority raw\n notrack\n } \n }'");
    for (const Addresses& at : both_families) {
      const Packet accepted = tcp({at.own, service_port}, {at.client, 8}, accepting);
      CHECK(host.sends(agent, accepted) == "leaves");
      CHECK(host.sends(agent, again(accepted, flag::rst)) == "leaves");
      CHECK(host.sends(agent, again(accepted, flag::ack)) == "leaves");
      CHECK(host.sends(agent, again(accepted, flag::syn)) == "no-rule");
      CHECK(host.sends(agent, tcp({at.own, 8080}, {at.client, 8}, accepting)) == "no-rule");
      CHECK(host.sends(agent, tcp({at.own, service_port}, {at.unlisted, 8}, accepting)) == "no-rule");
    }
  }

  TEST_CASE("with connection tracking, no connection can begin from a service's port") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families)
      for (const uint8_t flags : {flag::syn, flag::ack})
        CHECK(host.sends(agent, tcp({at.own, service_port}, {at.client, 9}, flags)) == "denied");
  }

  TEST_CASE("a client's connection that is older than the rules continues, and cannot begin again") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    host.runs("nft 'add table inet ostiary { flags dormant; }'");
    for (const Addresses& at : both_families)
      host.connected(agent, tcp({at.own, service_port}, {at.client, 10}));
    host.runs("nft 'add table inet ostiary'");
    host.settles(container_rules());
    for (const Addresses& at : both_families) {
      const Packet packet = tcp({at.own, service_port}, {at.client, 10}, flag::ack);
      CHECK(host.sends(agent, packet) == "leaves");
      CHECK(host.sends(agent, again(packet, flag::syn)) == "denied");
    }
  }

  TEST_CASE("a source that is not routed to its interface is forged") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
      CHECK(host.gets(tcp({at.unlisted, 1}, {at.own, service_port}), inner) == "forged");
      CHECK(host.gets(echo_request(at.unlisted, at.own), inner) == "forged");
      CHECK(host.gets(echo_request(at.container, at.own)) == "forged");
      CHECK(host.gets(udp({at.unlisted, 1}, {at.allowed, 443}), inner) == "forged");
      CHECK(host.gets_by_multicast(udp({at.unlisted, 1}, {at.own, 1}), inner) == "dropped");
      CHECK(host.gets_by_multicast(echo_request(at.unlisted, at.own)).ends_with("accepted"));
    }
  }

  TEST_CASE("without a source address, only duplicate address detection is accepted") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    const Packet solicitation = icmp("::", addresses6.towards_container, ND_NEIGHBOR_SOLICIT);
    CHECK(host.gets(with_hop_limit(solicitation, 255), inner) == "accepted");
    CHECK(host.gets(with_hop_limit(solicitation, 254), inner) == "forged");
    CHECK(host.gets(with_hop_limit(echo_request("::", addresses6.own), 255), inner) == "forged");
    CHECK(host.gets(with_hop_limit(icmp(addresses6.unlisted, addresses6.own, ND_NEIGHBOR_SOLICIT), 255),
                    inner) == "forged");
  }

  TEST_CASE("packets of a container inside are refused") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
      CHECK(host.gets(tcp({at.container, 1}, {at.allowed, 443}), inner) == "denied");
      CHECK(host.gets(udp({at.container, 1}, {at.allowed, 443}), inner) == "denied");
      CHECK(host.gets(echo_request(at.container, at.unlisted), inner) == "denied");
    }
  }

  TEST_CASE("a container's connection that is older than the rules is refused too") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    host.runs("nft 'add table inet ostiary { flags dormant; }'");
    for (const Addresses& at : both_families) {
      const Packet syn = tcp({at.container, 2}, {at.unlisted, 443});
      CHECK(host.gets(syn, inner) == "leaves");
      CHECK(host.gets(answer(syn, accepting)) == "enters");
    }
    host.runs("nft 'add table inet ostiary'");
    for (const Addresses& at : both_families) {
      const Packet connection = tcp({at.container, 2}, {at.unlisted, 443}, flag::ack);
      CHECK(host.gets(connection, inner) == "denied");
      // The agent gains nothing by using the container's address.
      CHECK(host.sends(agent, connection) == "forged");
    }
  }
}
