// The chain `output` of user scope: it separates packets by their users, and accepts those of other
// users.
#include <array>

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/ip.h>

#include "nft/rules/closed_socket.h"
#include "nft/rules/filtered_host.h"

using namespace ostiary;
using namespace ostiary::test;
using namespace ostiary::test::rules;

namespace {

constexpr uint16_t dns = 53;
constexpr uint8_t accepting = flag::syn | flag::ack;
constexpr uint16_t foreign_service = 8081;
constexpr uint16_t own_service = 8082;

constexpr std::array<uint8_t, 24> routing_header{0, 2,    4, 0, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8,
                                                 0, 0x98, 0, 0, 0, 0, 0, 0, 0,    0, 0,   7};
constexpr std::array<uint8_t, 8> recorded_route{IPOPT_RR, 7, 4, 0, 0, 0, 0, IPOPT_EOL};
constexpr std::array<uint8_t, 40> some_data{};

bool is_ipv4(const Addresses& at) {
  return at.own == std::string(addresses4.own);
}
Extra with_route(const Addresses& at) {
  return is_ipv4(at) ? Extra::ip_options : Extra::routing_header;
}

// Data with those two octets at that offset.
std::vector<uint8_t> data_with_port(size_t at) {
  std::vector<uint8_t> data(40);
  data[at + 1] = dns;
  return data;
}

}  // namespace

TEST_SUITE("nft/rules/user/output") {
  TEST_CASE("other users can send everything, as without rules") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families)
      for (const Sender& sender : {root, other_user}) {
        const uint16_t port = fresh_port();
        CHECK(host.sends(sender, tcp({at.own, port}, {at.unlisted, 443})) == "leaves");
        CHECK(host.sends(sender, udp({at.own, port}, {at.unlisted, dns})) == "leaves");
        CHECK(host.sends(sender, tcp({at.own, port}, {at.unlisted, dns})) == "leaves");
        CHECK(host.sends(sender, udp({at.unlisted, port}, {at.allowed, 9})) == "leaves");
        CHECK(host.sends(sender, udp({at.own, port}, {at.loopback, 9})) == "stays");
        CHECK(host.sends(sender, echo_request(at.own, at.unlisted)) == "leaves");
        CHECK(host.sends(sender, of_protocol(IPPROTO_GRE, at.own, at.unlisted)) == "leaves");
        CHECK(host.sends(routed_to(at.unlisted, sender), udp({at.own, port}, {at.own, 9})) == "leaves");
        CHECK(host.sends(sender, udp({at.loopback, port}, {at.unlisted, 9})) == "leaves");
        CHECK(host.gets(tcp({at.unlisted, port}, {at.own, 8080})) == "accepted");
        CHECK(host.gets(udp({at.container, port}, {at.unlisted, 9}), inner) == "leaves");
      }
    for (const Addresses& at : both_families)
      CHECK(host.sends(root, with(tcp({at.own, 1}, {at.unlisted, 9}), with_route(at))) == "leaves");
  }

  TEST_CASE("the kernel's own answers leave") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    host.runs("nft delete table inet no_answers; echo 0 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose");
    for (const Addresses& at : both_families) {
      const Packet ping = echo_request({at.unlisted, 1}, at.own);
      CHECK(host.gets(ping).starts_with("leaves: " + text(answer(ping))));
      const Packet unknown = tcp({at.unlisted, 2}, {at.own, 8080}, flag::ack);
      CHECK(host.gets(unknown) == "leaves: " + text(answer(unknown, flag::rst)) + ", accepted");
      const Packet closed = udp({at.unlisted, 3}, {at.own, 8080});
      CHECK(host.gets(closed) == "leaves: " + text(port_unreachable(closed)) + ", accepted");
    }
    const Packet ping = with(echo_request({addresses4.unlisted, 4}, addresses4.own), Extra::ip_options);
    CHECK(host.gets(ping) == "leaves: " + text(answer(ping)) + ", accepted");
  }

  TEST_CASE("an ICMP packet leaves without the id that the kernel counted; another packet keeps it") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    CHECK(host.sends(other_user, echo_request(addresses4.own, addresses4.unlisted)) == "leaves");
    CHECK(host.seen().left.front().id == 0);
    CHECK(host.sends(other_user, udp({addresses4.own, 1}, {addresses4.unlisted, 9})) == "leaves");
    CHECK(host.seen().left.front().id == 1);
  }

  TEST_CASE("a kernel tunnel passes, even to port 53") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    host.runs(
        "ip link add tunnel type vxlan id 1 remote 198.51.100.1 dstport 53 dev wire && "
        "echo 1 > /proc/sys/net/ipv6/conf/tunnel/disable_ipv6 && ip link set tunnel up && "
        "ip addr add 10.77.0.1/24 dev tunnel");
    // The kernel first sends neighbour discovery.
    CHECK(host.sends(root, udp({"10.77.0.1", 1}, {"10.77.0.2", 2}))
              .starts_with("leaves: udp 203.0.113.1 port"));
    REQUIRE(host.seen().left.size() == 1);
    CHECK(host.seen().left.front().to == Endpoint("198.51.100.1", dns));
    host.runs("ip link del tunnel");
  }

  TEST_CASE("the agent's own packets are filtered") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families) {
      CHECK(host.sends(agent, tcp({at.own, 1}, {at.unlisted, 443})) == "denied");
      CHECK(host.sends(agent, tcp({at.own, 1}, {at.allowed, 443})) == "leaves");
    }
  }

  TEST_CASE("the agent cannot use the gate's flows, and the gate's answers do not take over the agent's") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families) {
      // A resolver of this host may be the upstream. The agent must not answer instead of it.
      const Packet question = udp({at.loopback, 5}, {at.other_loopback, 5353});
      CHECK(host.sends(the_gate, question) == "stays");
      CHECK(host.sends(agent, answer(question)) == "denied");
      CHECK(host.sends(other_user, answer(question)) == "stays");

      const Packet asked = udp({at.own, 6}, {at.unlisted, dns});
      CHECK(host.sends(agent, asked) == "to the gate");
      CHECK(host.sends(the_gate, udp({at.loopback, the_gates_port}, {at.own, 6})) ==
            "stays: " + text(answer(asked)));
      CHECK(host.sends(agent, asked) == "to the gate");
      CHECK(host.sends(the_gate, tcp({at.loopback, 7}, {at.unlisted, 443})) == "leaves");
    }
  }

  TEST_CASE("another user's connection replaces a flow of the agent with the same ports") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families) {
      const Packet syn = tcp({at.own, 8}, {at.allowed, 443});
      const Packet connection = host.connected(agent, syn);
      CHECK(host.sends(agent, connection) == "leaves");
      CHECK(host.sends(agent, again(connection, flag::rst)) == "leaves");
      host.admit(at.admitted, IPPROTO_TCP, 443);
      const Packet mine = tcp({at.own, 9}, {at.admitted, 443});
      CHECK(host.sends(agent, mine) == "leaves");
      host.runs("nft flush set inet ostiary allow4; nft flush set inet ostiary allow6");
      const Packet theirs = host.connected(other_user, mine);
      CHECK(host.sends(other_user, theirs) == "leaves");
      CHECK(host.sends(agent, theirs) == "denied");

      // To a service of this host.
      const Packet refused = tcp({at.own, 10}, {at.loopback, foreign_service});
      CHECK(host.sends(agent, refused) == "stays");
      CHECK(host.sends(other_user, refused) == "stays");
      CHECK(host.sends(root, answer(refused, accepting)) == "stays");
      const Packet later = tcp({at.own, 11}, {at.loopback, foreign_service});
      CHECK(host.sends(agent, later) == "stays");
      CHECK(host.sends(root, answer(later, accepting)) == "dropped");
      CHECK(host.sends(other_user, later) == "stays");
      CHECK(host.sends(root, answer(later, accepting)) == "stays");
    }
  }

  TEST_CASE("marks of another table on other users' flows are kept") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    host.runs(
        "nft 'table inet mine { chain c { type filter hook output priority 0\n ct mark set 7\n } \n }'");
    for (const Addresses& at : both_families) {
      const Packet packet = tcp({at.own, fresh_port()}, {at.unlisted, 443});
      CHECK(host.sends(other_user, packet) == "leaves");
      CHECK(host.flow(packet).contains("mark=7 "));
    }
  }

  TEST_CASE("over loopback the agent reaches its own services, and no other user's") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families)
      for (const char* to : {at.own, at.loopback, at.other_loopback}) {
        const Packet mine = tcp({at.own, 12}, {to, own_service});
        CHECK(host.sends(agent, mine) == "stays");
        CHECK(host.sends(agent, answer(mine, accepting)) == "stays");
        CHECK(host.sends(agent, again(mine, flag::ack)) == "stays");
        CHECK(host.sends(agent, answer(mine, flag::ack)) == "stays");
        const Packet routed = with(again(mine, flag::ack), with_route(at));
        CHECK(host.sends(agent, routed) == "denied");

        const Packet foreign = tcp({at.own, 13}, {to, foreign_service});
        CHECK(host.sends(agent, foreign) == "stays");
        CHECK(host.sends(other_user, answer(foreign, accepting)) == "dropped");
        CHECK(host.sends(other_user, answer(foreign, accepting)) == "dropped");
        CHECK(host.sends(agent, foreign) == "denied");
        CHECK(host.sends(agent, again(foreign, flag::ack)) == "denied");
        // A service of the agent cannot continue that flow either.
        CHECK(host.sends(agent, answer(foreign, accepting)) == "denied");
      }
  }

  TEST_CASE("a connection to another user's service that began without rules does not continue") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    host.runs(
        "nft 'table inet tracks { chain c { type filter hook output priority 0; ct state new\n } \n }'");
    host.runs("nft flush table inet ostiary");
    const auto syn = [](const Addresses& at) { return tcp({at.own, 19}, {at.loopback, foreign_service}); };
    for (const Addresses& at : both_families) {
      CHECK(host.sends(agent, syn(at)) == "stays");
      CHECK(host.sends(other_user, answer(syn(at), accepting)) == "stays");
    }
    host.apply_again(user_rules());
    for (const Addresses& at : both_families) {
      CHECK(host.sends(agent, with_data(again(syn(at), flag::ack), 100)) == "denied");
      CHECK(host.sends(agent, again(syn(at), flag::ack)) == "denied");
    }
  }

  TEST_CASE("the agent may answer a flow from outside, but not through another host") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families) {
      const Packet syn = tcp({at.unlisted, 14}, {at.own, 8080});
      CHECK(host.gets(syn) == "accepted");
      CHECK(host.sends(agent, answer(syn, accepting)) == "leaves");
      CHECK(host.sends(agent, answer(syn, flag::ack)) == "leaves");
      const Packet local = tcp({at.own, 15}, {at.own, 8080});
      CHECK(host.sends(other_user, local) == "stays");
      CHECK(host.sends(agent, answer(local, accepting)) == "stays");
    }
    for (const Addresses& at : both_families) {
      const Packet syn = tcp({at.unlisted, 16}, {at.own, 8080});
      CHECK(host.gets(syn) == "accepted");
      CHECK(host.sends(agent, with(answer(syn, accepting), with_route(at))) == "denied");
    }
  }

  TEST_CASE("a closed socket sends to where its user may send, and by no source route") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families) {
      ClosedSocket plain(host, agent, {at.allowed, 443});
      CHECK(plain.closes_after_writing(some_data).starts_with("leaves: tcp"));
    }
    ClosedSocket routed(host, agent, {addresses6.allowed, 443});
    routed.set(IPPROTO_IPV6, IPV6_RTHDR, routing_header);
    CHECK(routed.closes_after_writing(some_data) == "wrong-interface, accepted");
    ClosedSocket with_options(host, agent, {addresses4.allowed, 443});
    with_options.set(IPPROTO_IP, IP_OPTIONS, recorded_route);
    CHECK(with_options.closes_after_writing(some_data) == "wrong-interface, accepted");
  }

  TEST_CASE("a closed socket of the agent sends no DNS past the gate; another user's does") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families) {
      ClosedSocket asking(host, agent, {at.unlisted, dns}, the_gate);
      CHECK_FALSE(asking.closes_after_writing(some_data).contains("wrong-interface"));
      CHECK(host.seen().left.empty());
      ClosedSocket other(host, other_user, {at.unlisted, dns});
      CHECK(other.closes_after_writing(some_data).starts_with("leaves: tcp"));
      // Its data may look like anything.
      ClosedSocket talking(host, other_user, {at.unlisted, 443});
      CHECK(talking.closes_after_writing(data_with_port(is_ipv4(at) ? 8 : 28)).starts_with("leaves: tcp"));
    }
  }

  TEST_CASE("a socket that the gate closed still sends to its DNS server, also without tracking") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    host.runs(exempts_from_tracking);
    for (const Addresses& at : both_families) {
      ClosedSocket socket(host, the_gate, {at.unlisted, dns});
      CHECK(socket.closes_after_writing(some_data).starts_with("leaves: tcp"));
    }
  }

  TEST_CASE("an ICMP error about the gate's answer to a closed socket does not leave and is no denial") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    host.runs("nft delete table inet no_answers");
    for (const Addresses& at : both_families) {
      const Packet question = udp({at.own, 17}, {at.unlisted, dns});
      CHECK(host.sends(agent, question).starts_with("to the gate"));
      CHECK(host.sends(the_gate, udp({at.loopback, the_gates_port}, {at.own, 17})) ==
            "stays: " + text(answer(question)));
      // On this host it is allowed.
      const Packet local = udp({at.own, 18}, {at.other_loopback, dns});
      CHECK(host.sends(agent, local).starts_with("to the gate"));
      CHECK(host.sends(the_gate, udp({at.loopback, the_gates_port}, {at.own, 18})) ==
            "stays: " + text(answer(local)) + ", stays: " + text(port_unreachable(answer(local))));
    }
  }
}
