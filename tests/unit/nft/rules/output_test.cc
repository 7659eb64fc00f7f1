// The chain `output` of container scope: what may leave, and what becomes of the rest.
#include <doctest/doctest.h>

#include "nft/rules/held_host.h"

using namespace ostiary;
using namespace ostiary::test;
using namespace ostiary::test::rules;

namespace {

constexpr uint16_t dns = 53;
constexpr const char* dockers = "127.0.0.11";
constexpr uint16_t dockers_port = 41953;

}  // namespace

TEST_SUITE("nft/rules/container/output") {
  TEST_CASE("what no rule names is denied: other ports, protocols and addresses") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families) {
      CHECK(host.sends(agent, tcp({at.own, 1}, {at.allowed, 443})) == "leaves");
      CHECK(host.sends(agent, tcp({at.own, 1}, {at.allowed, 444})) == "denied");
      CHECK(host.sends(agent, udp({at.own, 1}, {at.allowed, 443})) == "denied");
      CHECK(host.sends(root, tcp({at.own, 1}, {at.stranger, 443})) == "denied");
      CHECK(host.sends(root, udp({at.own, 1}, {at.stranger, 443})) == "denied");
      CHECK(host.sends(root, echo_request(at.own, at.allowed)) == "denied");
      CHECK(host.sends(root, with_hop_limit(echo_request(at.own, at.stranger), 255)) == "denied");
      CHECK(host.sends(root, of_protocol(IPPROTO_GRE, at.own, at.allowed)) == "denied");
    }
  }

  TEST_CASE("an admission is an address, a protocol and a port, and there may be many") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families) {
      host.admit(at.admitted, IPPROTO_TCP, 443);
      host.admit(at.admitted, IPPROTO_UDP, 4430);
      CHECK(host.sends(agent, tcp({at.own, 1}, {at.admitted, 443})) == "leaves");
      CHECK(host.sends(agent, udp({at.own, 1}, {at.admitted, 4430})) == "leaves");
      CHECK(host.sends(agent, udp({at.own, 1}, {at.admitted, 443})) == "denied");
      CHECK(host.sends(agent, tcp({at.own, 1}, {at.stranger, 443})) == "denied");
    }
  }

  TEST_CASE("a connection goes on when its admission is over") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families) {
      host.admit(at.admitted, IPPROTO_TCP, 443);
      const Packet packet = host.connected(agent, tcp({at.own, 2}, {at.admitted, 443}));
      host.runs("nft flush set inet ostiary allow4; nft flush set inet ostiary allow6");
      CHECK(host.gets(answer(packet, flag::ack)) == "accepted");
      CHECK(host.sends(agent, packet) == "leaves");
      CHECK(host.sends(agent, tcp({at.own, 3}, {at.admitted, 443})) == "denied");
    }
  }

  TEST_CASE("without its rules the chain drops everything") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    host.runs("nft flush table inet ostiary");
    for (const Places& at : both_families) {
      CHECK(host.sends(agent, tcp({at.own, 1}, {at.allowed, 443})) == "dropped");
      CHECK(host.gets(tcp({at.container, 1}, {at.allowed, 443}), inner) == "dropped");
    }
  }

  TEST_CASE("a forged source is dropped, and nothing tells the address that was forged") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families) {
      CHECK(host.sends(agent, tcp({at.stranger, 1}, {at.allowed, 443})) == "forged");
      CHECK(host.sends(agent, udp({at.stranger, 1}, {at.loopback, 9})) == "forged");
      CHECK(host.sends(root, echo_request(at.stranger, at.own)) == "forged");
    }
  }

  TEST_CASE("a packet that an allowed host would pass on is denied") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    CHECK(host.sends(agent, with(tcp({places4.own, 1}, {places4.allowed, 443}), Extra::ip_options)) ==
          "denied");
    CHECK(host.sends(agent, with(tcp({places6.own, 1}, {places6.allowed, 443}), Extra::routing_header)) ==
          "denied");
  }

  TEST_CASE("neighbours may be found, by packets that no router passes on") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const char* from : {places6.own, "::", "fe80::1"})
      for (const uint8_t type : {uint8_t{133}, uint8_t{135}, uint8_t{136}}) {
        const Packet packet = icmp(from, places6.stranger, type);
        CHECK(host.sends(agent, with_hop_limit(packet, 255)) == "leaves");
        CHECK(host.sends(agent, with_hop_limit(packet, 254)) != "leaves");
      }
  }

  TEST_CASE("a local service is reached over loopback, and never by another interface") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families)
      for (const char* to : {at.own, at.loopback, at.other_loopback}) {
        CHECK(host.sends(agent, udp({to, 1}, {to, 8080})) == "stays");
        CHECK(host.sends(agent, tcp({to, 1}, {to, 8080})) == "stays");
        CHECK(host.sends(root, echo_request(to, to)).starts_with("stays"));
        CHECK(host.sends(routed_to(at.stranger), udp({to, 2}, {to, 8080})) == "denied");
        CHECK(host.sends(routed_to(at.stranger), udp({to, 2}, {to, the_gates_port})) == "denied");
        CHECK(host.sends(routed_to(at.stranger), tcp({to, 3}, {to, 8080}, flag::rst)) == "no-rule");
      }
  }

  TEST_CASE("a packet for another host is not let out over loopback") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families) {
      const Sender by_loopback = routed_to(at.loopback);
      CHECK(host.sends(by_loopback, udp({at.own, 1}, {at.stranger, 9})) != "stays");
      CHECK(host.sends(by_loopback, tcp({at.own, 2}, {at.stranger, 9}, flag::rst)) == "no-rule");
    }
  }

  TEST_CASE("the gate may go everywhere, also to DNS servers") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families) {
      CHECK(host.sends(the_gate, udp({at.own, 4}, {at.stranger, dns})) == "leaves");
      CHECK(host.sends(the_gate, tcp({at.own, 4}, {at.stranger, dns})) == "leaves");
    }
  }

  TEST_CASE("a flow of the gate's is closed to others, whatever its protocol") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families) {
      const Packet question = udp({at.own, 5}, {at.stranger, 5353});
      CHECK(host.sends(the_gate, question) == "leaves");
      CHECK(host.gets(answer(question)) == "accepted");
      CHECK(host.sends(agent, question) == "denied");
      // Its socket is gone: the kernel says so to the upstream.
      const Packet error = port_unreachable(answer(question));
      CHECK(host.sends(root, error) == "leaves");
      // Whatever its checksum is, also one that would stand for a port.
      CHECK(host.sends(root, with_checksum(error, dns)) == "leaves");

      const Packet connection = host.connected(the_gate, tcp({at.own, 6}, {at.stranger, 443}));
      CHECK(host.sends(agent, connection) == "denied");
      CHECK(host.sends(the_gate, connection) == "leaves");

      const Packet ping = echo_request({at.own, 7}, at.stranger);
      CHECK(host.sends(the_gate, ping) == "leaves");
      CHECK(host.gets(answer(ping)) == "accepted");
      CHECK(host.sends(root, ping) == "denied");
    }
  }

  TEST_CASE("nobody answers the gate in the place of a local resolver") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families) {
      const Packet question = udp({at.loopback, 5}, {at.loopback, 9953});
      CHECK(host.sends(the_gate, question) == "stays");
      CHECK(host.sends(agent, answer(question)) == "denied");
      CHECK(host.sends(other_user, answer(question)) == "denied");
      const Packet syn = tcp({at.loopback, 6}, {at.loopback, 9953});
      CHECK(host.sends(the_gate, syn) == "stays");
      CHECK(host.sends(agent, answer(syn, flag::syn | flag::ack)) == "denied");
    }
  }

  TEST_CASE("what the gate answers does not make the agent's flow the gate's") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families) {
      const Packet question = udp({at.own, 8}, {at.stranger, dns});
      CHECK(host.sends(agent, question) == "to the gate");
      CHECK(host.sends(the_gate, udp({at.loopback, the_gates_port}, {at.own, 8})) ==
            "stays: " + text(answer(question)));
      CHECK(host.sends(agent, question) == "to the gate");
    }
  }

  TEST_CASE("no ICMP error tells a server what the gate answered a closed socket, nor is it a denial") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    host.runs("nft delete table inet no_answers");
    for (const Places& at : both_families) {
      const Packet question = udp({at.own, 17}, {at.stranger, dns});
      CHECK(host.sends(agent, question).starts_with("to the gate"));
      CHECK(host.sends(the_gate, udp({at.loopback, the_gates_port}, {at.own, 17})) ==
            "stays: " + text(answer(question)));
      // What says the same otherwise is denied.
      Packet similar = udp({at.own, 18}, {at.stranger, 9});
      similar.payload.resize(48);
      for (const size_t place : {size_t{21}, size_t{41}}) similar.payload[place] = dns;
      CHECK(host.sends(agent, similar) == "denied");
    }
  }

  TEST_CASE("a service that answers too late learns that the socket is closed") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    host.runs("nft delete table inet no_answers");
    for (const Places& at : both_families) {
      host.admit(at.admitted, IPPROTO_UDP, 443);
      const Packet packet = udp({at.own, 19}, {at.admitted, 443});
      CHECK(host.sends(agent, packet) == "leaves");
      CHECK(host.gets(answer(packet)) == "leaves: " + text(port_unreachable(answer(packet))) + ", accepted");
    }
  }

  TEST_CASE("Docker's resolver answers the gate, and none else does in its place") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    host.runs(
        "nft 'table ip docker { chain c { type nat hook output priority -100\n"
        "ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:41953\n"
        "ip daddr 127.0.0.53 udp dport 53 dnat to 127.0.0.53:41953\n } \n }'");
    const auto ask = [&](const char* server, uint16_t from) {
      const Packet question = udp({places4.loopback, from}, {server, dns});
      CHECK(host.sends(the_gate, question) ==
            "stays: " + text(udp({places4.loopback, from}, {server, dockers_port})));
      return question;
    };
    const auto told = [&](const char* server, uint16_t to) {
      return udp({server, dockers_port}, {places4.loopback, to});
    };
    CHECK(host.sends(agent, udp({places4.own, 19}, {dockers, dns})) == "to the gate");
    const Packet question = ask(dockers, 20);
    CHECK(host.sends(agent, told(dockers, 20)) == "denied");
    CHECK(host.sends(root, told(dockers, 20)) == "stays: " + text(answer(question)));
    // Another resolver of this host's has no such leave.
    ask("127.0.0.53", 21);
    CHECK(host.sends(root, told("127.0.0.53", 21)) == "denied");
    // What Docker did not redirect is no question to its resolver.
    CHECK(host.sends(the_gate, udp({places4.loopback, 22}, {dockers, dockers_port})) == "stays");
    CHECK(host.sends(root, told(dockers, 22)) == "denied");
  }

  TEST_CASE("the address of Docker's resolver is closed to the agent, and begins nothing") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    CHECK(host.sends(agent, udp({places4.loopback, 1}, {dockers, dockers_port})) == "denied");
    CHECK(host.sends(agent, tcp({places4.loopback, 1}, {dockers, dockers_port})) == "denied");
    CHECK(host.sends(agent, udp({dockers, dockers_port}, {places4.loopback, 9})) == "no-rule, no-rule");
    CHECK(host.sends(agent, tcp({dockers, 5}, {places4.own, 9})) == "denied");
  }

  TEST_CASE("DNS that nothing redirects is denied, also where an admission names that server and port") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families) {
      host.admit(at.admitted, IPPROTO_TCP, dns);
      host.admit(at.admitted, IPPROTO_UDP, dns);
      // What connection tracking calls invalid, no table redirects.
      constexpr uint8_t impossible = flag::syn | flag::fin;
      CHECK(host.sends(agent, tcp({at.own, 10}, {at.admitted, dns}, impossible)) == "no-rule");
      CHECK(host.sends(agent, with(udp({at.own, 10}, {at.admitted, dns}), Extra::wrong_length)) == "denied");
    }
  }

  TEST_CASE("pings are answered whatever their checksum is") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    for (const Places& at : both_families)
      for (const uint16_t checksum : {dns, uint16_t{54}}) {
        const Packet ping = with_checksum(echo_request({at.own, 17}, at.own), checksum);
        CHECK(host.sends(agent, ping) == "stays, stays: " + text(answer(ping)));
        const Packet from_outside = echo_request({at.stranger, 9}, at.own);
        CHECK(host.gets(from_outside) == "leaves: " + text(answer(from_outside)) + ", accepted");
        CHECK(host.sends(root, with_checksum(answer(from_outside), checksum)) == "leaves");
      }
  }

  TEST_CASE("another table's refusal of a forged packet does not carry it out") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    host.runs(
        "nft 'table inet firewall { chain c { type filter hook output priority 0\n udp dport 7777 reject "
        "with icmpx admin-prohibited\n } \n }'");
    for (const Places& at : both_families)
      CHECK(host.sends(agent, udp({at.stranger, 11}, {at.allowed, 7777})) == "no-rule");
  }

  TEST_CASE("another table's redirect to a proxy is no way out") {
    if (!can_make_hosts_as_real_root()) return;
    HeldHost host(container_rules());
    host.runs(
        "nft 'table ip mesh { chain c { type nat hook output priority -100\n"
        "tcp dport 80 redirect to :15001\n"
        "tcp dport 81 dnat to 198.51.100.1:15353\n } \n }'");
    CHECK(host.sends(agent, tcp({places4.own, 12}, {places4.stranger, 80})) == "denied");
    CHECK(host.sends(agent, tcp({places4.own, 13}, {places4.allowed, 81})) == "denied");
  }
}
