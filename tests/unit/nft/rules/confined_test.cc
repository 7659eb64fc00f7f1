// The chain `confined` of user scope: what the agent may send, including DNS questions.
#include <doctest/doctest.h>

#include "nft/rules/filtered_host.h"

using namespace ostiary;
using namespace ostiary::test;
using namespace ostiary::test::rules;

namespace {

constexpr uint16_t dns = 53;
constexpr uint8_t accepting = flag::syn | flag::ack;

}  // namespace

TEST_SUITE("nft/rules/user/confined") {
  TEST_CASE("packets without a rule are denied: other ports, protocols and addresses") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    host.runs(routes_loopback_addresses);
    for (const Addresses& at : both_families) {
      host.admit(at.admitted, IPPROTO_TCP, 443);
      host.admit(at.admitted, IPPROTO_UDP, 4430);
      CHECK(host.sends(agent, tcp({at.own, 1}, {at.admitted, 443})) == "leaves");
      CHECK(host.sends(agent, udp({at.own, 1}, {at.admitted, 4430})) == "leaves");
      CHECK(host.sends(agent, tcp({at.own, 1}, {at.allowed, 443})) == "leaves");
      CHECK(host.sends(agent, tcp({at.own, 1}, {at.allowed, 444})) == "denied");
      CHECK(host.sends(agent, udp({at.own, 1}, {at.allowed, 443})) == "denied");
      CHECK(host.sends(agent, with_data(tcp({at.own, 1}, {at.unlisted, 443}), 100)) == "denied");
      CHECK(host.sends(agent, echo_request(at.own, at.unlisted)) == "denied");
      CHECK(host.sends(agent, of_protocol(IPPROTO_GRE, at.own, at.allowed)) == "denied");
      CHECK(host.sends(agent, tcp({at.unlisted, 1}, {at.allowed, 443})) == "forged");
      CHECK(host.sends(agent, udp({at.unlisted, 1}, {at.loopback, 9})) == "forged");
      CHECK(host.sends(agent, tcp({at.loopback, 1}, {at.allowed, 443})) == "stray");
      CHECK(host.sends(agent, with_data(tcp({at.own, 2}, {at.allowed, 443}), 100)) == "leaves");
    }
    CHECK(host.sends(agent, tcp({"127.9.9.9", 1}, {addresses4.allowed, 443})) == "stray");
    CHECK(host.sends(agent, with(tcp({addresses4.own, 1}, {addresses4.allowed, 443}), Extra::ip_options)) ==
          "denied");
    CHECK(host.sends(agent, with(tcp({addresses6.own, 1}, {addresses6.allowed, 443}),
                                 Extra::routing_header)) == "denied");
  }

  TEST_CASE("a connection continues after its admission; an unanswered one does not") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families) {
      host.admit(at.admitted, IPPROTO_TCP, 443);
      host.admit(at.admitted, IPPROTO_UDP, 443);
      const Packet connection = host.connected(agent, tcp({at.own, 3}, {at.admitted, 443}));
      const Packet datagram = udp({at.own, 3}, {at.admitted, 443});
      CHECK(host.sends(agent, datagram) == "leaves");
      host.runs("nft flush set inet ostiary allow4; nft flush set inet ostiary allow6");
      CHECK(host.sends(agent, connection) == "leaves");
      CHECK(host.sends(agent, datagram) == "denied");
      CHECK(host.gets(answer(datagram)) == "accepted");
      CHECK(host.sends(agent, datagram) == "leaves");
    }
  }

  TEST_CASE("the agent cannot continue another user's flow") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families) {
      const Packet connection = host.connected(other_user, tcp({at.own, 4}, {at.unlisted, 443}));
      CHECK(host.sends(agent, connection) == "denied");
      CHECK(host.sends(other_user, connection) == "leaves");
    }
  }

  TEST_CASE("at the next boot all flows of the agent are deleted, and no others") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families) {
      host.admit(at.admitted, IPPROTO_TCP, 443);
      for (const Packet& packet :
           {tcp({at.own, fresh_port()}, {at.allowed, 443}), tcp({at.own, fresh_port()}, {at.admitted, 443}),
            udp({at.own, fresh_port()}, {at.unlisted, dns}),
            udp({at.loopback, fresh_port()}, {at.loopback, the_gates_port}),
            tcp({at.own, fresh_port()}, {at.own, 8080})}) {
        INFO(text(packet));
        CHECK(host.sends(agent, packet) != "denied");
        CHECK_FALSE(host.flow(packet).empty());
        host.settles(user_rules());
        CHECK(host.flow(packet).empty());
      }
      const Packet other = tcp({at.own, fresh_port()}, {at.unlisted, 443});
      CHECK(host.sends(other_user, other) == "leaves");
      host.settles(user_rules());
      CHECK_FALSE(host.flow(other).empty());
    }
  }

  TEST_CASE("the agent's questions are redirected to the gate, and other users' are not") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families)
      for (const Packet& question :
           {udp({at.own, 5}, {at.unlisted, dns}), tcp({at.own, 5}, {at.unlisted, dns})}) {
        CHECK(host.sends(agent, question) == "to the gate");
        CHECK(host.sends(other_user, question) == "leaves");
        CHECK(host.sends(the_gate, question) == "leaves");
        CHECK(host.gets(answer(question, accepting)) == "accepted");
        CHECK(host.sends(agent, question) == "to the gate");
      }
    for (const Addresses& at : both_families)
      for (const Packet& question :
           {udp({at.own, 6}, {at.unlisted, dns}), tcp({at.own, 6}, {at.unlisted, dns})}) {
        CHECK(host.sends(the_gate, question) == "leaves");
        CHECK(host.gets(answer(question, accepting)) == "accepted");
        CHECK(host.sends(agent, question) == "to the gate");
      }
    for (const Addresses& at : both_families)
      CHECK(host.sends(agent, of_protocol(IPPROTO_UDPLITE, {at.own, 5}, {at.unlisted, dns})) == "denied");
  }

  TEST_CASE("if another table exempts packets from tracking, the agent's DNS is denied") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    host.runs(exempts_from_tracking);
    for (const Addresses& at : both_families) {
      CHECK(host.sends(agent, udp({at.own, 5}, {at.unlisted, dns})) == "denied");
      CHECK(host.sends(other_user, udp({at.own, 5}, {at.unlisted, dns})) == "leaves");
    }
  }

  TEST_CASE("DNS that is not redirected is denied, even to an admitted server and port") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families) {
      host.admit(at.admitted, IPPROTO_TCP, dns);
      host.admit(at.admitted, IPPROTO_UDP, dns);
      CHECK(host.sends(agent, tcp({at.own, 7}, {at.admitted, dns}, flag::syn | flag::fin)) == "no-rule");
      CHECK(host.sends(agent, with(udp({at.own, 7}, {at.admitted, dns}), Extra::wrong_length)) == "denied");
    }
  }

  TEST_CASE("the agent reaches the gate at its own port, but not with data in a SYN") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families) {
      CHECK(host.sends(agent, udp({at.own, 8}, {at.loopback, the_gates_port})) == "stays");
      const Packet syn = tcp({at.own, 8}, {at.loopback, the_gates_port});
      CHECK(host.sends(agent, syn) == "stays");
      CHECK(host.sends(root, answer(syn, flag::syn | flag::ack)) ==
            "stays");  // the gate's listener has no mark
      CHECK(host.sends(agent, with_data(tcp({at.own, 9}, {at.loopback, the_gates_port}), 100)) == "dropped");
      CHECK(host.sends(agent, of_protocol(IPPROTO_UDPLITE, {at.own, 8}, {at.loopback, the_gates_port})) ==
            "denied");
      CHECK(host.sends(agent, udp({at.own, 8}, {at.other_loopback, the_gates_port})) == "denied");
      CHECK(host.sends(agent, udp({at.own, 8}, {at.loopback, 9})) == "denied");
      CHECK(host.sends(routed_to(at.unlisted), udp({at.own, 9}, {at.loopback, the_gates_port})) == "denied");
    }
  }

  TEST_CASE("over loopback a SYN carries no data, whatever options it has") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families)
      for (uint8_t words = 5; words <= 15; ++words) {
        const Packet syn = with_header_words(tcp({at.own, fresh_port()}, {at.own, 8080}), words);
        CHECK(host.sends(agent, with_data(syn, 1)) == "dropped");
        CHECK(host.sends(agent, syn) == "stays");
        CHECK(host.sends(agent, with_data(syn, 1)) == "dropped");
      }
  }

  TEST_CASE("over loopback an admission does not open another user's service") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families) {
      host.admit(at.own, IPPROTO_TCP, 8080);
      host.admit(at.own, IPPROTO_UDP, 8080);
      const Packet syn = tcp({at.own, fresh_port()}, {at.own, 8080});
      CHECK(host.sends(agent, syn) == "stays");
      CHECK(host.sends(other_user, answer(syn, flag::syn | flag::ack)) == "dropped");
      CHECK(host.sends(agent, udp({at.own, fresh_port()}, {at.own, 8080})) == "denied");
    }
  }

  TEST_CASE("another table's redirect is no way around the rules") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    host.runs(
        "nft 'table inet mesh { chain c { type nat hook output priority -100\n"
        "tcp dport 80 redirect to :15001\n"
        "udp dport 80 redirect to :15001\n"
        "meta nfproto ipv4 tcp dport 81 dnat ip to 198.51.100.1:15353\n"
        "meta nfproto ipv6 tcp dport 81 dnat ip6 to [2001:db8:1::1]:15353\n } \n }'");
    for (const Addresses& at : both_families) {
      CHECK(host.sends(agent, tcp({at.own, 10}, {at.unlisted, 80})) == "denied");
      CHECK(host.sends(agent, udp({at.own, 10}, {at.unlisted, 80})) == "denied");
      CHECK(host.sends(agent, tcp({at.own, 11}, {at.allowed, 81})) == "denied");
    }
  }

  TEST_CASE("the address of Docker's resolver is closed to the agent") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    CHECK(host.sends(agent, tcp({addresses4.loopback, 12}, {"127.0.0.11", 41953})) == "denied");
    // Docker's own redirect comes after ours.
    host.runs(
        "nft 'table ip docker { chain c { type nat hook output priority -100\n"
        "ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:41953\n } \n }'");
    CHECK(host.sends(agent, udp({addresses4.loopback, 12}, {"127.0.0.11", dns})) == "to the gate");
  }

  TEST_CASE("over loopback UDP needs a rule and pings do not; nothing uses another interface") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families) {
      CHECK(host.sends(agent, udp({at.own, 13}, {at.own, 8080})) == "denied");
      CHECK(host.sends(agent, of_protocol(IPPROTO_UDPLITE, {at.own, 13}, {at.own, 8080})) == "denied");
      CHECK(host.sends(agent, echo_request({at.own, 13}, at.own)).starts_with("stays"));
      const Sender by_wire = routed_to(at.unlisted);
      CHECK(host.sends(by_wire, tcp({at.own, 14}, {at.own, 8080})) == "denied");
      CHECK(host.sends(by_wire, echo_request({at.own, 14}, at.own)) == "denied");
      const Sender by_loopback = routed_to(at.loopback);
      CHECK(host.sends(by_loopback, tcp({at.own, 15}, {at.unlisted, 9})) == "denied");
      const std::string ping = host.sends(by_loopback, echo_request({at.own, 15}, at.unlisted));
      CHECK((ping == "denied" || ping == "no-rule"));  // the refusal may be delivered in another way
      // An accepted local flow does not leave the host.
      const Packet local = tcp({at.own, 16}, {at.own, 8080});
      CHECK(host.sends(agent, local) == "stays");
      CHECK(host.sends(agent, answer(local, accepting)) == "stays");
      // The kernel looks up the route again.
      CHECK(host.sends(by_wire, again(local, flag::ack)) == "stays");
    }
  }

  TEST_CASE("a ping on this host is answered with any checksum") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families)
      for (const uint16_t checksum : {dns, uint16_t{54}}) {
        const Packet ping = with_checksum(echo_request({at.own, 17}, at.own), checksum);
        CHECK(host.sends(agent, ping) == "stays, stays: " + text(answer(ping)));
      }
  }

  TEST_CASE("packets that another table gives an own source address leave") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    host.runs(routes_loopback_addresses);
    host.runs(masquerades);
    for (const Addresses& at : both_families)
      CHECK(host.sends(agent, tcp({at.loopback, 1}, {at.allowed, 443})) ==
            "leaves: " + text(tcp({at.own, 1}, {at.allowed, 443})));
  }

  TEST_CASE("over IPv4 the agent's packet takes its destination's route; others' are not rerouted") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    CHECK(host.sends(routed_to(addresses4.container), tcp({addresses4.own, 20}, {addresses4.allowed, 443})) ==
          "leaves");
    for (const Sender& sender : {the_gate, other_user})
      CHECK(host.sends(routed_to(addresses4.container, sender),
                       udp({addresses4.own, 20}, {addresses4.unlisted, 53})) == "enters");
  }
}
