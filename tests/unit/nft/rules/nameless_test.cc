// Flows that a name opens, in both scopes: what waits for the gate, and what its verdicts do.
#include <array>
#include <string>

#include <doctest/doctest.h>
#include <netinet/in.h>

#include "nft/rules/closed_socket.h"
#include "nft/rules/filtered_host.h"
#include "ostiary/nft/marks.h"

using namespace ostiary;
using namespace ostiary::test;
using namespace ostiary::test::rules;

namespace {

constexpr uint16_t named_port = 443;
constexpr uint8_t accepting = flag::syn | flag::ack;
constexpr nft::AgentMarks marks = nft::agent_marks(the_gates_mark);
constexpr std::array<uint8_t, 40> some_data{};
// The kernel's own answers are dropped, and it takes a refusal in no flow for one.
constexpr const char* shows_resets =
    "nft 'insert rule inet no_answers c tcp sport 443 accept\n"
    "insert rule inet no_answers c ip saddr 127.0.0.1 tcp sport 15352 accept\n"
    "insert rule inet no_answers c ip6 saddr ::1 tcp sport 15352 accept'";

inet::Connection connection_of(const Packet& packet) {
  return {packet.from.address, packet.to.address, packet.from.port, packet.to.port};
}
Packet named_syn(const Addresses& at) {
  return tcp({at.own, fresh_port()}, {at.admitted, named_port});
}
// The other side accepts; returns a packet of the agent.
Packet begun(FilteredHost& host, const Packet& syn) {
  CHECK(host.sends(agent, syn) == "waits");
  CHECK(host.passes() == "leaves");
  CHECK(host.gets(answer(syn, accepting)) == "accepted");
  return again(syn, flag::ack);
}
void forget_names(FilteredHost& host) {
  host.runs("nft flush set inet ostiary named4; nft flush set inet ostiary named6");
}
// The kernel takes what comes for the middle of a flow that the other side began.
Packet in_others_flow(FilteredHost& host, const Endpoint& own, const Endpoint& other) {
  CHECK(host.gets(tcp(other, own, flag::ack)) == "accepted");
  return tcp(own, other, flag::ack);
}

void a_flow_waits_at_its_syn(const nft::Ruleset& rules) {
  FilteredHost host(rules);
  for (const Addresses& at : both_families) {
    for (const char* address : {at.admitted, at.allowed, at.own}) host.admit_by_name(address, named_port);
    begun(host, named_syn(at));
    CHECK(host.sends(agent, tcp({at.own, fresh_port()}, {at.admitted, 444})) == "denied");
    CHECK(host.sends(agent, udp({at.own, fresh_port()}, {at.admitted, named_port})) == "denied");
    CHECK(host.sends(agent, tcp({at.own, fresh_port()}, {at.unlisted, named_port})) == "denied");
    CHECK(host.sends(the_gate, named_syn(at)) == "leaves");
    // A network has no name. In user scope nor has this host.
    const Packet packet = host.connected(agent, tcp({at.own, fresh_port()}, {at.allowed, named_port}));
    CHECK(host.sends(agent, with_data(packet, 1)) == "leaves");
    CHECK(host.gets(answer(packet, flag::ack)) == "accepted");
    CHECK(host.sends(agent, tcp({at.own, fresh_port()}, {at.own, named_port})) ==
          (rules.only_user ? "stays" : "waits"));
    if (rules.only_user) CHECK(host.sends(other_user, named_syn(at)) == "leaves");
  }
}

void data_waits_and_other_packets_do_not(const nft::Ruleset& rules) {
  FilteredHost host(rules);
  for (const Addresses& at : both_families) {
    host.admit_by_name(at.admitted, named_port);
    Packet packet = begun(host, named_syn(at));
    for (const uint32_t mark : {marks.nameless, marks.requests}) {
      host.mark(packet, mark);
      for (uint8_t words = 5; words <= 15; ++words) {
        packet.header_words = words;
        packet.flags = flag::ack;
        CHECK(host.sends(agent, packet) == "leaves");
        // As long as the headers of another packet.
        for (uint8_t longer = words; longer <= 15; ++longer)
          CHECK(host.sends(agent, with_data(packet, longer == words ? 1 : 4u * (longer - words))) == "waits");
        packet.flags = flag::ack | flag::urgent;
        CHECK(host.sends(agent, packet) == "waits");
      }
    }
  }
}

void the_gate_decides(const nft::Ruleset& rules) {
  FilteredHost host(rules);
  for (const Addresses& at : both_families) {
    host.admit_by_name(at.admitted, named_port);
    const Packet permitted = begun(host, named_syn(at)), refused = begun(host, named_syn(at)),
                 followed = begun(host, named_syn(at));
    for (const Packet& each : {permitted, refused, followed}) {
      CHECK(host.sends(agent, with_data(each, 1)) == "waits");
      CHECK(host.passes() == "leaves");
      CHECK(host.gets(answer(each, flag::ack)) == "waits");
      CHECK(host.passes() == "accepted");
    }
    CHECK(host.gate().permit(connection_of(permitted)));
    CHECK(host.gate().refuse(connection_of(refused)));
    CHECK(host.gate().follow(connection_of(followed)));
    CHECK(host.sends(agent, with_data(permitted, 1)) == "leaves");
    CHECK(host.sends(agent, with_data(refused, 1)) == "refused");
    CHECK(host.sends(agent, refused) == "refused");
    CHECK(host.sends(agent, with_data(followed, 1)) == "waits");
    CHECK(host.gets(answer(permitted, flag::ack)) == "accepted");
    CHECK(host.gets(answer(followed, flag::ack)) == "accepted");
    forget_names(host);
    CHECK(host.sends(agent, with_data(permitted, 1)) == "leaves");
    CHECK(host.sends(agent, with_data(followed, 1)) == "waits");
    CHECK(host.sends(agent, with_data(refused, 1)) == "refused");
  }
}

void a_new_syn_begins_anew(const nft::Ruleset& rules) {
  FilteredHost host(rules);
  for (const uint32_t mark : {marks.permitted, marks.nameless, marks.misnamed, marks.requests})
    for (const Addresses& at : both_families) {
      host.admit_by_name(at.admitted, named_port);
      const Packet syn = named_syn(at);
      const Packet packet = begun(host, syn);
      host.mark(packet, mark);
      // Perhaps of another socket: for the server the connection goes on.
      CHECK(host.sends(agent, syn) == "waits");
      CHECK(host.passes() == "leaves");
      const std::string as_before = mark == marks.permitted  ? "leaves"
                                    : mark == marks.misnamed ? "refused"
                                                             : "waits";
      CHECK(host.sends(agent, with_data(packet, 1)) == as_before);
      if (as_before == "waits") CHECK(host.passes() == "leaves");
      CHECK_FALSE(host.gate().begin(connection_of(packet)));
      CHECK(host.sends(agent, with_data(packet, 1)) == "refused");
      CHECK(host.sends(agent, syn) == "waits");
      CHECK(host.gate().begin(connection_of(packet)));
      CHECK(host.passes() == "leaves");
      CHECK(host.sends(agent, with_data(packet, 1)) == "dropped");  // the server has not accepted it
      host.mark(packet, mark);
      forget_names(host);
      CHECK(host.sends(agent, syn) == "denied");
      CHECK(host.sends(agent, with_data(packet, 1)) == "denied");
    }
}

void what_is_in_no_flow_has_no_name(const nft::Ruleset& rules) {
  FilteredHost host(rules);
  host.runs(exempts_from_tracking);
  host.runs(shows_resets);
  for (const Addresses& at : both_families) {
    for (const char* address : {at.admitted, at.allowed, at.own}) host.admit_by_name(address, named_port);
    host.admit(at.admitted, IPPROTO_TCP, named_port);
    CHECK(host.sends(agent, named_syn(at)) == "denied");
    CHECK(host.sends(agent, again(named_syn(at), flag::ack)) == "refused");
    CHECK(host.sends(agent, tcp({at.own, fresh_port()}, {at.allowed, named_port}, flag::ack)) == "leaves");
    CHECK(host.sends(agent, tcp({at.own, fresh_port()}, {at.unlisted, named_port}, flag::ack)) == "denied");
    const Packet to_itself = tcp({at.own, fresh_port()}, {at.own, named_port}, flag::ack);
    CHECK(host.sends(agent, to_itself) == (rules.only_user ? "denied" : "refused"));
  }
}

void a_flow_that_the_other_side_began_has_no_name(const nft::Ruleset& rules) {
  FilteredHost host(rules);
  host.runs(shows_resets);
  for (const Addresses& at : both_families) {
    host.admit_by_name(at.admitted, named_port);
    host.admit(at.admitted, IPPROTO_TCP, named_port);
    const auto from = [&] { return in_others_flow(host, {at.own, fresh_port()}, {at.admitted, named_port}); };
    CHECK(host.sends(agent, again(from(), flag::syn)) == "denied");
    CHECK(host.sends(agent, from()) == "refused");
    const Packet permitted = from();
    host.mark(permitted, marks.permitted);
    CHECK(host.sends(agent, permitted) == "leaves");
  }
}

// Marks say nothing about answers to hosts that a name does not open.
void answers_to_other_hosts_do_not_wait(const nft::Ruleset& rules) {
  FilteredHost host(rules);
  for (const Addresses& at : both_families)
    for (const uint32_t mark : {marks.nameless, marks.requests, marks.misnamed}) {
      const Packet syn = tcp({at.client, fresh_port()}, {at.own, service_port});
      CHECK(host.gets(syn) == "accepted");
      CHECK(host.sends(agent, answer(syn, accepting)) == "leaves");
      CHECK(host.gets(again(syn, flag::ack)) == "accepted");
      host.mark(syn, mark);
      CHECK(host.sends(agent, with_data(answer(syn, flag::ack), 1)) == "leaves");
    }
}

void a_flow_that_needs_no_name_does_not_get_one_later(const nft::Ruleset& rules) {
  FilteredHost host(rules);
  for (const Addresses& at : both_families) {
    host.admit(at.admitted, IPPROTO_TCP, named_port);
    const Packet packet = host.connected(agent, named_syn(at));
    host.admit_by_name(at.admitted, named_port);
    CHECK(host.sends(agent, with_data(packet, 1)) == "leaves");
    host.mark(packet, 0);
    CHECK(host.sends(agent, with_data(packet, 1)) == "leaves");
  }
}

void the_self_tests_port_is_opened_by_a_name(const nft::Ruleset& rules) {
  {
    FilteredHost host(rules);
    for (const Addresses& at : both_families) {
      host.admit(at.admitted, IPPROTO_TCP, self_test_port);
      const Packet syn = tcp({at.loopback, fresh_port()}, {at.loopback, self_test_port});
      CHECK(host.sends(agent, syn) == "waits");
      CHECK(host.passes() == "stays");
      CHECK(host.sends(root, answer(syn, accepting)) == "stays");
      CHECK(host.sends(agent, again(syn, flag::ack)) == "stays");
      CHECK(host.sends(agent, with_data(again(syn, flag::ack), 1)) == "waits");
      const Packet other_port = tcp({at.loopback, fresh_port()}, {at.loopback, 8080});
      CHECK(host.sends(agent, other_port) == "stays");
      const Packet elsewhere = tcp({at.own, fresh_port()}, {at.admitted, self_test_port});
      CHECK(host.sends(agent, with_data(host.connected(agent, elsewhere), 1)) == "leaves");
    }
  }
  FilteredHost host(rules);
  host.runs(exempts_from_tracking);
  host.runs(shows_resets);
  for (const Addresses& at : both_families) {
    const Endpoint own{at.loopback, fresh_port()};
    CHECK(host.sends(agent, tcp(own, {at.loopback, self_test_port})) == "denied");
    CHECK(host.sends(agent, tcp(own, {at.loopback, self_test_port}, flag::ack)) == "refused");
    const std::string without_a_name = rules.only_user ? "no-rule" : "stays";  // its refusal is not shown
    CHECK(host.sends(agent, tcp(own, {at.loopback, 8080}, flag::ack)) == without_a_name);
    CHECK(host.sends(agent, tcp(own, {at.other_loopback, self_test_port}, flag::ack)) == without_a_name);
  }
}

void before_the_queue_is_there_packets_are_dropped(const nft::Ruleset& rules) {
  FilteredHost host(rules);
  host.runs(
      "nft delete rule inet ostiary ask handle"
      " $(nft -a list chain inet ostiary ask 2>/dev/null | grep -o 'handle [0-9]*' | sed -n '2s/handle "
      "//p')");
  for (const Addresses& at : both_families) {
    host.admit_by_name(at.admitted, named_port);
    CHECK(host.sends(agent, named_syn(at)) == "dropped");
  }
}

}  // namespace

#define IN_BOTH_SCOPES(sentence, test)                            \
  TEST_SUITE("nft/rules/container/nameless") {                    \
    TEST_CASE("in container scope " sentence) {                   \
      if (can_make_hosts_as_real_root()) test(container_rules()); \
    }                                                             \
  }                                                               \
  TEST_SUITE("nft/rules/user/nameless") {                         \
    TEST_CASE("in user scope " sentence) {                        \
      if (can_make_hosts_as_real_root()) test(user_rules());      \
    }                                                             \
  }

IN_BOTH_SCOPES("a flow that a name opens waits at its SYN; a network has no name", a_flow_waits_at_its_syn)
IN_BOTH_SCOPES("data waits, and packets as long as their headers do not", data_waits_and_other_packets_do_not)
IN_BOTH_SCOPES("the gate's verdict holds for the flow, also after its admission", the_gate_decides)
IN_BOTH_SCOPES("a new SYN begins a flow anew, whatever was judged before", a_new_syn_begins_anew)
IN_BOTH_SCOPES("what is in no flow is not opened by a name", what_is_in_no_flow_has_no_name)
IN_BOTH_SCOPES("a flow that the other side began is not opened by a name",
               a_flow_that_the_other_side_began_has_no_name)
IN_BOTH_SCOPES("answers to hosts that no name opens do not wait", answers_to_other_hosts_do_not_wait)
IN_BOTH_SCOPES("a flow that needs no name goes on when one is admitted",
               a_flow_that_needs_no_name_does_not_get_one_later)
IN_BOTH_SCOPES("the self-test's port of loopback is opened by a name",
               the_self_tests_port_is_opened_by_a_name)
IN_BOTH_SCOPES("until the gate's queue is there, packets are dropped",
               before_the_queue_is_there_packets_are_dropped)

TEST_SUITE("nft/rules/user/nameless") {
  TEST_CASE("another user's connection replaces a flow of the agent, whatever was judged of it") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    for (const Addresses& at : both_families)
      for (const uint32_t mark : {marks.permitted, marks.nameless, marks.misnamed, marks.requests}) {
        host.admit_by_name(at.admitted, named_port);
        const Packet syn = named_syn(at);
        const Packet packet = begun(host, syn);
        host.mark(packet, mark);
        forget_names(host);
        host.connected(other_user, syn);
        CHECK(host.gets(answer(packet, flag::ack)) == "accepted");
        CHECK(host.sends(agent, with_data(packet, 1)) == "denied");
      }
  }

  TEST_CASE("the kernel's own answers leave, however another table marks their flows") {
    if (!can_make_hosts_as_real_root()) return;
    for (const uint32_t mark : {marks.nameless, marks.misnamed, marks.requests}) {
      FilteredHost host(user_rules());
      host.runs("nft 'table inet mine { chain c { type filter hook prerouting priority 0\n ct mark set " +
                std::to_string(mark) + "\n } \n }'");
      for (const Addresses& at : both_families) {
        const Packet ping = with_data(echo_request({at.unlisted, fresh_port()}, at.own), 200);
        CHECK(host.gets(ping).starts_with("leaves: " + text(answer(ping))));
      }
    }
  }

  // Its data does not leave, and what the kernel sends without data takes the route of its destination.
  TEST_CASE("a closed socket sends nothing more in a flow whose name is not known, and no request") {
    if (!can_make_hosts_as_real_root()) return;
    FilteredHost host(user_rules());
    host.runs("nft insert rule inet no_answers c tcp dport 443 accept");
    for (const Addresses& at : both_families) {
      host.admit(at.admitted, IPPROTO_TCP, named_port);
      for (const uint32_t mark : {marks.nameless, marks.misnamed, marks.requests}) {
        ClosedSocket socket(host, agent, {at.admitted, named_port});
        host.mark(socket.syn(), mark);
        const auto passed = [&](const std::string& what) { return what == "waits" ? host.passes() : what; };
        CHECK(passed(socket.closes_after_writing(some_data)) == "accepted");
        CHECK(passed(socket.is_asked_again()).starts_with(mark == marks.requests ? "leaves: " : "accepted"));
        const std::string end = passed(socket.is_reset());
        CHECK(end.starts_with(mark == marks.requests ? "leaves: " : "accepted"));
      }
    }
  }
}
