// The chain `output` of container scope: what may leave, and what happens to other packets.
#include <doctest/doctest.h>

#include "nft/rules/filtered_host.h"

using namespace ostiary;
using namespace ostiary::test;
using namespace ostiary::test::rules;

namespace {

constexpr uint16_t dns = 53;
constexpr const char* dockers = "127.0.0.11";
constexpr uint16_t dockers_port = 41953;

}  // namespace

TEST_SUITE("nft/rules/container/output") {
  TEST_CASE("packets without a rule are denied: other ports, protocols and addresses") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
      CHECK(host.sends(agent, tcp({at.own, 1}, {at.allowed, 443})) == "leaves");
      CHECK(host.sends(agent, tcp({at.own, 1}, {at.allowed, 444})) == "denied");
      CHECK(host.sends(agent, udp({at.own, 1}, {at.allowed, 443})) == "denied");
      CHECK(host.sends(root, tcp({at.own, 1}, {at.unlisted, 443})) == "denied");
      CHECK(host.sends(root, udp({at.own, 1}, {at.unlisted, 443})) == "denied");
      CHECK(host.sends(root, echo_request(at.own, at.allowed)) == "denied");
      CHECK(host.sends(root, with_hop_limit(echo_request(at.own, at.unlisted), 255)) == "denied");
      CHECK(host.sends(root, of_protocol(IPPROTO_GRE, at.own, at.allowed)) == "denied");
    }
  }

  TEST_CASE("an admission is an address, a protocol and a port; there may be many") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
      host.admit(at.admitted, IPPROTO_TCP, 443);
      host.admit(at.admitted, IPPROTO_UDP, 4430);
      CHECK(host.sends(agent, tcp({at.own, 1}, {at.admitted, 443})) == "leaves");
      CHECK(host.sends(agent, udp({at.own, 1}, {at.admitted, 4430})) == "leaves");
      CHECK(host.sends(agent, udp({at.own, 1}, {at.admitted, 443})) == "denied");
      CHECK(host.sends(agent, tcp({at.own, 1}, {at.unlisted, 443})) == "denied");
    }
  }

  TEST_CASE("a connection continues after its admission") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
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
    FilteredHost host(container_rules());
    host.runs("nft flush table inet ostiary");
    for (const Addresses& at : both_families) {
      CHECK(host.sends(agent, tcp({at.own, 1}, {at.allowed, 443})) == "dropped");
      CHECK(host.gets(tcp({at.container, 1}, {at.allowed, 443}), inner) == "dropped");
    }
  }

  TEST_CASE("a packet with a forged source is dropped without a refusal to that address") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
      CHECK(host.sends(agent, tcp({at.unlisted, 1}, {at.allowed, 443})) == "forged");
      CHECK(host.sends(agent, udp({at.unlisted, 1}, {at.loopback, 9})) == "forged");
      CHECK(host.sends(root, echo_request(at.unlisted, at.own)) == "forged");
    }
  }

  TEST_CASE("a packet that an allowed host would forward is denied") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    CHECK(host.sends(agent, with(tcp({addresses4.own, 1}, {addresses4.allowed, 443}), Extra::ip_options)) ==
          "denied");
    CHECK(host.sends(agent, with(tcp({addresses6.own, 1}, {addresses6.allowed, 443}),
                                 Extra::routing_header)) == "denied");
  }

  TEST_CASE("neighbour discovery works, with packets that no router forwards") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const char* from : {addresses6.own, "::", "fe80::1"})
      for (const uint8_t type : {uint8_t{133}, uint8_t{135}, uint8_t{136}}) {
        const Packet packet = icmp(from, addresses6.unlisted, type);
        CHECK(host.sends(agent, with_hop_limit(packet, 255)) == "leaves");
        CHECK(host.sends(agent, with_hop_limit(packet, 254)) != "leaves");
      }
  }

  TEST_CASE("a local service can be reached only over loopback") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families)
      for (const char* to : {at.own, at.loopback, at.other_loopback}) {
        CHECK(host.sends(agent, udp({to, 1}, {to, 8080})) == "stays");
        CHECK(host.sends(agent, tcp({to, 1}, {to, 8080})) == "stays");
        CHECK(host.sends(root, echo_request(to, to)).starts_with("stays"));
        CHECK(host.sends(routed_to(at.unlisted), udp({to, 2}, {to, 8080})) == "denied");
        CHECK(host.sends(routed_to(at.unlisted), udp({to, 2}, {to, the_gates_port})) == "denied");
        CHECK(host.sends(routed_to(at.unlisted), tcp({to, 3}, {to, 8080}, flag::rst)) == "no-rule");
      }
  }

  TEST_CASE("a packet for another host does not leave over loopback") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
      const Sender by_loopback = routed_to(at.loopback);
      CHECK(host.sends(by_loopback, udp({at.own, 1}, {at.unlisted, 9})) != "stays");
      CHECK(host.sends(by_loopback, tcp({at.own, 2}, {at.unlisted, 9}, flag::rst)) == "no-rule");
    }
  }

  TEST_CASE("the gate may send everywhere, also to DNS servers") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
      CHECK(host.sends(the_gate, udp({at.own, 4}, {at.unlisted, dns})) == "leaves");
      CHECK(host.sends(the_gate, tcp({at.own, 4}, {at.unlisted, dns})) == "leaves");
    }
  }

  TEST_CASE("only the gate can use its flows, of any protocol") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
      const Packet question = udp({at.own, 5}, {at.unlisted, 5353});
      CHECK(host.sends(the_gate, question) == "leaves");
      CHECK(host.gets(answer(question)) == "accepted");
      CHECK(host.sends(agent, question) == "denied");
      // The socket is gone, so the kernel reports that to the upstream.
      const Packet error = port_unreachable(answer(question));
      CHECK(host.sends(root, error) == "leaves");
      // With any checksum, also one that looks like a port.
      CHECK(host.sends(root, with_checksum(error, dns)) == "leaves");

      const Packet connection = host.connected(the_gate, tcp({at.own, 6}, {at.unlisted, 443}));
      CHECK(host.sends(agent, connection) == "denied");
      CHECK(host.sends(the_gate, connection) == "leaves");

      const Packet ping = echo_request({at.own, 7}, at.unlisted);
      CHECK(host.sends(the_gate, ping) == "leaves");
      CHECK(host.gets(answer(ping)) == "accepted");
      CHECK(host.sends(root, ping) == "denied");
    }
  }

  TEST_CASE("another process cannot answer the gate instead of a local resolver") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
      const Packet question = udp({at.loopback, 5}, {at.loopback, 9953});
      CHECK(host.sends(the_gate, question) == "stays");
      CHECK(host.sends(agent, answer(question)) == "denied");
      CHECK(host.sends(other_user, answer(question)) == "denied");
      const Packet syn = tcp({at.loopback, 6}, {at.loopback, 9953});
      CHECK(host.sends(the_gate, syn) == "stays");
      CHECK(host.sends(agent, answer(syn, flag::syn | flag::ack)) == "denied");
    }
  }

  TEST_CASE("the gate's answers do not make the agent's flow the gate's") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
      const Packet question = udp({at.own, 8}, {at.unlisted, dns});
      CHECK(host.sends(agent, question) == "to the gate");
      CHECK(host.sends(the_gate, udp({at.loopback, the_gates_port}, {at.own, 8})) ==
            "stays: " + text(answer(question)));
      CHECK(host.sends(agent, question) == "to the gate");
    }
  }

  TEST_CASE("an ICMP error about the gate's answer to a closed socket does not leave and is no denial") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    host.runs("nft delete table inet no_answers");
    for (const Addresses& at : both_families) {
      const Packet question = udp({at.own, 17}, {at.unlisted, dns});
      CHECK(host.sends(agent, question).starts_with("to the gate"));
      CHECK(host.sends(the_gate, udp({at.loopback, the_gates_port}, {at.own, 17})) ==
            "stays: " + text(answer(question)));
      // The same error in another form is denied.
      Packet similar = udp({at.own, 18}, {at.unlisted, 9});
      similar.payload.resize(48);
      for (const size_t place : {size_t{21}, size_t{41}}) similar.payload[place] = dns;
      CHECK(host.sends(agent, similar) == "denied");
    }
  }

  TEST_CASE("a service that answers too late learns that the socket is closed") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    host.runs("nft delete table inet no_answers");
    for (const Addresses& at : both_families) {
      host.admit(at.admitted, IPPROTO_UDP, 443);
      const Packet packet = udp({at.own, 19}, {at.admitted, 443});
      CHECK(host.sends(agent, packet) == "leaves");
      CHECK(host.gets(answer(packet)) == "leaves: " + text(port_unreachable(answer(packet))) + ", accepted");
    }
  }

  TEST_CASE("Docker's resolver answers the gate, and no other process can") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    host.runs(
        "nft 'table ip docker { chain c { type nat hook output priority -100\n"
        "ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:41953\n"
        "ip daddr 127.0.0.53 udp dport 53 dnat to 127.0.0.53:41953\n } \n }'");
    const auto ask = [&](const char* server, uint16_t from) {
      const Packet question = udp({addresses4.loopback, from}, {server, dns});
      CHECK(host.sends(the_gate, question) ==
            "stays: " + text(udp({addresses4.loopback, from}, {server, dockers_port})));
      return question;
    };
    const auto answer_from = [&](const char* server, uint16_t to) {
      return udp({server, dockers_port}, {addresses4.loopback, to});
    };
    CHECK(host.sends(agent, udp({addresses4.own, 19}, {dockers, dns})) == "to the gate");
    const Packet question = ask(dockers, 20);
    CHECK(host.sends(agent, answer_from(dockers, 20)) == "denied");
    CHECK(host.sends(root, answer_from(dockers, 20)) == "stays: " + text(answer(question)));
    // Another resolver of this host has no such permission.
    ask("127.0.0.53", 21);
    CHECK(host.sends(root, answer_from("127.0.0.53", 21)) == "denied");
    // A packet that Docker did not redirect is not a question to its resolver.
    CHECK(host.sends(the_gate, udp({addresses4.loopback, 22}, {dockers, dockers_port})) == "stays");
    CHECK(host.sends(root, answer_from(dockers, 22)) == "denied");
  }

  TEST_CASE("the agent cannot reach the address of Docker's resolver, or begin a flow from it") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    CHECK(host.sends(agent, udp({addresses4.loopback, 1}, {dockers, dockers_port})) == "denied");
    CHECK(host.sends(agent, tcp({addresses4.loopback, 1}, {dockers, dockers_port})) == "denied");
    CHECK(host.sends(agent, udp({dockers, dockers_port}, {addresses4.loopback, 9})) == "no-rule, no-rule");
    CHECK(host.sends(agent, tcp({dockers, 5}, {addresses4.own, 9})) == "denied");
  }

  TEST_CASE("DNS that is not redirected is denied, even to an admitted server and port") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
      host.admit(at.admitted, IPPROTO_TCP, dns);
      host.admit(at.admitted, IPPROTO_UDP, dns);
      // No table redirects packets that connection tracking calls invalid.
      constexpr uint8_t impossible = flag::syn | flag::fin;
      CHECK(host.sends(agent, tcp({at.own, 10}, {at.admitted, dns}, impossible)) == "no-rule");
      CHECK(host.sends(agent, with(udp({at.own, 10}, {at.admitted, dns}), Extra::wrong_length)) == "denied");
    }
  }

  TEST_CASE("pings are answered with any checksum") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families)
      for (const uint16_t checksum : {dns, uint16_t{54}}) {
        const Packet ping = with_checksum(echo_request({at.own, 17}, at.own), checksum);
        CHECK(host.sends(agent, ping) == "stays, stays: " + text(answer(ping)));
        const Packet from_outside = echo_request({at.unlisted, 9}, at.own);
        CHECK(host.gets(from_outside) == "leaves: " + text(answer(from_outside)) + ", accepted");
        CHECK(host.sends(root, with_checksum(answer(from_outside), checksum)) == "leaves");
      }
  }

  TEST_CASE("an ICMP packet leaves without the id that the kernel counted; another packet keeps it") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    const Packet ping = echo_request({addresses4.client, 1}, addresses4.own);
    host.gets(ping);
    CHECK(host.sends(root, answer(ping)) == "leaves");
    CHECK(host.seen().left.front().id == 0);
    CHECK(host.sends(agent, tcp({addresses4.own, 1}, {addresses4.allowed, 443})) == "leaves");
    CHECK(host.seen().left.front().id == 1);
  }

  TEST_CASE("another table's refusal of a forged packet does not carry it out") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    host.runs(
        "nft 'table inet firewall { chain c { type filter hook output priority 0\n udp dport 7777 reject "
        "with icmpx admin-prohibited\n } \n }'");
    for (const Addresses& at : both_families)
      CHECK(host.sends(agent, udp({at.unlisted, 11}, {at.allowed, 7777})) == "no-rule");
  }

  TEST_CASE("another table's redirect to a proxy is no way around the rules") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    host.runs(
        "nft 'table ip mesh { chain c { type nat hook output priority -100\n"
        "tcp dport 80 redirect to :15001\n"
        "tcp dport 81 dnat to 198.51.100.1:15353\n } \n }'");
    CHECK(host.sends(agent, tcp({addresses4.own, 12}, {addresses4.unlisted, 80})) == "denied");
    CHECK(host.sends(agent, tcp({addresses4.own, 13}, {addresses4.allowed, 81})) == "denied");
  }
}
