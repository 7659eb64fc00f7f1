// The chains `questions`, `untrack`, `nat` and `direct` of container scope: the path of DNS
// questions to the gate.
#include <doctest/doctest.h>

#include "nft/rules/filtered_host.h"

using namespace ostiary;
using namespace ostiary::test;
using namespace ostiary::test::rules;

namespace {

constexpr uint16_t dns = 53;

}  // namespace

TEST_SUITE("nft/rules/container/questions") {
  TEST_CASE("every question is redirected to the gate, over UDP and TCP, for any server") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families)
      for (const char* server : {at.unlisted, at.allowed, at.own, at.other_loopback}) {
        CHECK(host.sends(agent, udp({at.own, fresh_port()}, {server, dns})) == "to the gate");
        CHECK(host.sends(agent, tcp({at.own, fresh_port()}, {server, dns})) == "to the gate");
        CHECK(host.sends(root, udp({at.own, fresh_port()}, {server, dns})) == "to the gate");
      }
    CHECK(host.sends(agent, udp({addresses4.loopback, 1}, {"127.0.0.11", dns})) == "to the gate");
  }

  TEST_CASE("only questions are redirected") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
      CHECK(host.sends(agent, tcp({at.own, 1}, {at.allowed, 443})) == "leaves");
      CHECK(host.sends(agent, udp({at.own, dns}, {at.unlisted, 54})) == "denied");
      CHECK(host.sends(agent, of_protocol(IPPROTO_UDPLITE, {at.own, 4}, {at.unlisted, dns})) == "denied");
    }
  }

  TEST_CASE("the gate's question leaves from a port that a question of the agent has used") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families)
      for (const Packet& question :
           {udp({at.own, 5}, {at.unlisted, dns}), tcp({at.own, 5}, {at.unlisted, dns})}) {
        CHECK(host.sends(agent, question) == "to the gate");
        CHECK(host.sends(the_gate, question) == "leaves");
        CHECK(host.gets(answer(question, flag::syn | flag::ack)) == "accepted");
        CHECK(host.sends(the_gate, again(question, flag::ack)) == "leaves");
        CHECK(host.sends(agent, question) == "to the gate");
      }
  }

  TEST_CASE("the agent's question reaches the gate from a port that a question of the gate has used") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families)
      for (const Packet& question :
           {udp({at.own, 6}, {at.unlisted, dns}), tcp({at.own, 6}, {at.unlisted, dns})}) {
        CHECK(host.sends(the_gate, question) == "leaves");
        CHECK(host.gets(answer(question, flag::syn | flag::ack)) == "accepted");
        CHECK(host.sends(agent, question) == "to the gate");
      }
  }

  TEST_CASE("a question from the gate's own address to itself is not redirected, and not tracked") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    for (const Addresses& at : both_families) {
      const Packet question = udp({at.loopback, 7}, {at.loopback, dns});
      CHECK(host.sends(agent, question) == "stays");
      CHECK(host.sends(root, answer(question)) == "stays");
      CHECK(host.flow(question).empty());
      CHECK(host.flow(answer(question)).empty());
      // From another address, or over TCP, it is redirected.
      CHECK(host.sends(agent, udp({at.own, 8}, {at.loopback, dns})) == "to the gate");
      CHECK(host.sends(agent, udp({at.loopback, 9}, {at.other_loopback, dns})) == "to the gate");
      CHECK(host.sends(agent, tcp({at.loopback, 10}, {at.loopback, dns})) == "to the gate");
      CHECK(host.sends(on(wire), question) == "denied");
    }
  }

  TEST_CASE("other flows on loopback are tracked: another table may redirect them") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    host.runs(
        "nft 'table inet mine { chain c { type nat hook output priority -100\n"
        "udp dport 9999 redirect to :9998\n"
        "tcp dport 9999 redirect to :9998\n } \n }'");
    for (const Addresses& at : both_families) {
      CHECK(host.sends(agent, udp({at.loopback, 11}, {at.loopback, 9999})) ==
            "stays: " + text(udp({at.loopback, 11}, {at.loopback, 9998})));
      CHECK(host.sends(agent, tcp({at.loopback, 11}, {at.loopback, 9999})) ==
            "stays: " + text(tcp({at.loopback, 11}, {at.loopback, 9998})));
    }
  }

  TEST_CASE("if another table exempts packets from tracking, DNS is denied") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    host.runs(exempts_from_tracking);
    for (const Addresses& at : both_families) {
      CHECK(host.sends(agent, udp({at.loopback, 12}, {at.loopback, dns})) == "stays");
      CHECK(host.sends(agent, udp({at.loopback, 13}, {at.other_loopback, dns})) == "denied");
      CHECK(host.sends(agent, udp({at.own, 14}, {at.loopback, dns})) == "denied");
      CHECK(host.sends(agent, tcp({at.own, 15}, {at.loopback, dns})) == "no-rule");
      CHECK(host.sends(agent, udp({at.own, 16}, {at.unlisted, dns})) == "denied");
    }
  }

  TEST_CASE("another table's exemption from tracking is no way around the rules on loopback") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(container_rules());
    host.runs(exempts_from_tracking);
    for (const Addresses& at : both_families) {
      CHECK(host.sends(agent, udp({at.unlisted, 17}, {at.loopback, 9})) == "forged");
      CHECK(host.sends(routed_to(at.loopback), udp({at.loopback, 18}, {at.unlisted, 9})) != "stays");
    }
  }
}
