// The limit on the agent's flows in user scope, since all users share the machine's flow table.
#include <doctest/doctest.h>

#include "nft/rules/filtered_host.h"

using namespace ostiary;
using namespace ostiary::test;
using namespace ostiary::test::rules;

TEST_SUITE("nft/rules/user/crowd") {
  TEST_CASE("the agent can have 8,192 flows; packets that begin no flow are not limited") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    host.admit(addresses4.admitted, IPPROTO_UDP, 443);
    const auto datagram = [](uint16_t port) {
      return udp({addresses4.own, port}, {addresses4.admitted, 443});
    };
    const auto before = host.connected(agent, tcp({addresses4.own, 1}, {addresses4.allowed, 443}));
    std::vector<Packet> packets;
    for (uint16_t port = 1; port < nft::limits::flows_of_user; ++port) packets.push_back(datagram(port));
    CHECK(host.sends_all(agent, packets) == packets.size());
    CHECK(host.sends(agent, datagram(60000)) == "crowd");
    CHECK(host.sends(agent, before) == "leaves");
    CHECK(host.sends(agent, tcp({addresses4.own, 2}, {addresses4.allowed, 443}, flag::syn | flag::fin)) ==
          "leaves");
    CHECK(host.sends(other_user, datagram(60001)) == "leaves");
  }

  TEST_CASE("the agent can begin 4,096 connections at once, then at a limited rate") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    const auto packets_with = [](uint8_t flags) {
      std::vector<Packet> packets;
      for (uint16_t port = 1; port <= 2 * nft::limits::connections_of_user_at_once; ++port)
        packets.push_back(tcp({addresses4.own, port}, {addresses4.allowed, 443}, flags));
      return packets;
    };
    // These packets begin no connection.
    const std::vector<Packet> invalid = packets_with(flag::syn | flag::fin);
    CHECK(host.sends_all(agent, invalid) == invalid.size());
    const std::vector<Packet> connections = packets_with(flag::syn);
    const size_t began = host.sends_all(agent, connections);
    CHECK(began >= nft::limits::connections_of_user_at_once);
    CHECK(began < connections.size());
  }
}
