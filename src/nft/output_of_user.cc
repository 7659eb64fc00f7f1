// The rules of user scope. The agent could get out through a service of another user, or go on in
// another user's flow. So neither loopback nor an established flow is enough to let a packet pass:
// - A flow is the agent's if the agent began it under the rules, which then mark it. In another
//   user's flow the agent may only answer.
// - Over loopback the agent reaches its own services and the gate. The owner of the accepting
//   socket shows whose service it is.
// - A packet without an owner comes from the kernel, or from a socket that was closed with data
//   left to send.
#include <utility>

#include <netinet/in.h>

#include "expressions.h"
#include "misdirection.h"
#include "nameless.h"
#include "output.h"

namespace ostiary::nft {
namespace {

constexpr const char* confined = "confined";
constexpr const char* crowd = "crowd";
constexpr const char* data = "data";

void add_data(Json& out) {
  out.push_back(add("chain", {{"name", data}}));
  for (Json longer : length_beside_headers(">")) {
    longer.append(Json::array({counter(), drop()}));
    out.push_back(rule_of(data, std::move(longer)));
  }
}

// Another user's SYN can reuse the addresses and ports of the agent's flow. It takes the flow over.
void add_foreign_syn(Json& out, const AgentMarks& marks) {
  out.push_back(
      rule("output", {tcp_flags(syn | ack | rst, syn),
                      is(ct("mark"), any_of({marks.permitted, marks.own_service, marks.foreign_service,
                                             marks.nameless, marks.misnamed, marks.requests})),
                      set_flow_mark(0)}));
}

// Drops a SYN-ACK of another user's socket. The agent's next SYN, a second later, is refused. A
// refusal of the SYN-ACK would go to the accepting socket, and the agent would learn nothing.
void add_foreign_syn_ack(Json& out, const AgentMarks& marks) {
  out.push_back(rule(
      "output", {is(ct("mark"), any_of({marks.own_service, marks.foreign_service})),
                 tcp_flags(syn | ack, syn | ack), counter(), set_flow_mark(marks.foreign_service), drop()}));
}

// The end of the connection waits for the gate: it may cut a request off.
void add_end_of_requests(Json& out, const AgentMarks& marks) {
  const Json of_requests = flow_is_marked(marks.requests), sent = is(ct("direction"), "original");
  out.push_back(rule("output", {of_requests, sent, jump(data)}));
  for (const Json& verdict : {jump(invert), go(ask_chain)})
    out.push_back(rule("output", {of_requests, sent, tcp_flags(fin, fin), verdict}));
}

// Packets without an owner may come from a socket that the agent closed. It can still send:
// - by a source route, to a destination that no rule judged;
// - to a DNS server. Only the agent's own packets are in the zone of its questions, so the kernel
//   does not see these as part of the redirected flow. Every lookup over TCP leaves some: they are
//   not logged.
// - in a flow whose name the gate does not know, and then the gate does not learn it;
// - a request.
void add_ownerless(Json& out, const Ruleset& ruleset, uint32_t user) {
  const AgentMarks marks = agent_marks(ruleset);
  out.push_back(rule("output", {is_not(meta("skuid"), user), accept()}));
  out.push_back(rule("output", {has_routing_header(), go(stray)}));
  out.push_back(rule("output", {protocol(IPPROTO_TCP), has_ip_options(), go(stray)}));
  out.push_back(
      rule("output", {protocol(IPPROTO_TCP), to_port(dns_port),
                      has(ct("state"), Json::array({"new", "invalid", "untracked"})), counter(), drop()}));
  add_late_answers(out, Json::array({is_not(meta("oifname"), "lo")}));
  for (const uint32_t unfit : {marks.nameless, marks.misnamed})
    out.push_back(
        rule("output", {flow_is_marked(unfit), is(ct("direction"), "original"), counter(), drop()}));
  if (ruleset.name_queue) add_end_of_requests(out, marks);
  add_for_closed_sockets(out, ruleset, "output", invert);
}

// Of nameless flows alone: other packets may be other users'.
void add_input_of_user(Json& out, const Ruleset& ruleset) {
  if (!ruleset.name_queue) return;
  constexpr const char* chain = "input";
  out.push_back(base_chain(chain, "filter", "input", filter_priority, "accept"));
  add_answers_to_nameless(out, ruleset, chain);
}

void add_flows(Json& out, const Ruleset& ruleset, const AgentMarks& marks) {
  for (const uint32_t not_the_agents : {ruleset.gate_mark, marks.foreign_service})
    out.push_back(rule(confined, {flow_is_marked(not_the_agents), deny()}));
  out.push_back(rule(confined, {tcp_or_udp(), to_port(dns_port), deny()}));
  out.push_back(rule(confined, {is(ct("direction"), "reply"), accept()}));
  out.push_back(rule(confined, {has(ct("state"), "established"),
                                is(ct("mark"), any_of({marks.permitted, marks.own_service})), accept()}));
}

// The whole machine shares the kernel's table of flows. A full table would cut off all other users.
void add_crowd(Json& out, const Ruleset& ruleset) {
  out.push_back(add("chain", {{"name", crowd}}));
  out.push_back(rule(crowd, {counter(), log(ruleset, Cause::too_many_flows)}));
  out.push_back(rule(crowd, {{{"reject", {{"type", "icmpx"}, {"expr", "admin-prohibited"}}}}}));
}

// `ct count` leaves out closed connections, whose flows stay in the table for two minutes. The rate
// of new connections bounds those.
void add_flow_limits(Json& out) {
  const Json begins = has(ct("state"), "new");
  out.push_back(
      rule(confined, {begins, {{"ct count", {{"val", limits::flows_of_user}, {"inv", true}}}}, go(crowd)}));
  out.push_back(rule(confined, {begins,
                                protocol(IPPROTO_TCP),
                                {{"limit",
                                  {{"rate", limits::connections_of_user_a_second},
                                   {"per", "second"},
                                   {"burst", limits::connections_of_user_at_once},
                                   {"inv", true}}}},
                                go(crowd)}));
}

void add_gates_port(Json& out, const Ruleset& ruleset, const AgentMarks& marks) {
  // A redirected packet still has the output interface of its first route.
  out.push_back(rule(confined, {has(ct("status"), "dnat"), local_destination(), to_port(ruleset.gate_port),
                                set_flow_mark(marks.permitted), accept()}));
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const char* const gate = family == Family::ipv4 ? "127.0.0.1" : "::1";
    out.push_back(
        rule(confined, {is(meta("oifname"), "lo"), is(field(ip(family), "daddr"), gate), tcp_or_udp(),
                        to_port(ruleset.gate_port), set_flow_mark(marks.permitted), accept()}));
  }
}

Json begins_connection() {
  return tcp_flags(syn | ack, syn);
}

Json to_relay() {
  return is(field(ip(Family::ipv4), "daddr"), "127.0.0.1");
}

// The relay serves the agent alone: another user could otherwise send in the agent's name.
// Comes after the rule that judges the agent's packets elsewhere.
void add_guard_of_relay(Json& out, const Ruleset& ruleset) {
  for (const uint16_t port : ruleset.relay_ports)
    out.push_back(
        rule("output", {to_relay(), protocol(IPPROTO_TCP), to_port(port), begins_connection(), deny()}));
}

void add_relays_ports(Json& out, const Ruleset& ruleset, const AgentMarks& marks) {
  for (const uint16_t port : ruleset.relay_ports)
    out.push_back(rule(confined, {is(meta("oifname"), "lo"), to_relay(), protocol(IPPROTO_TCP), to_port(port),
                                  set_flow_mark(marks.permitted), accept()}));
}

// A name may resolve to an address of this host, where services are other users'.
void add_permitted(Json& out, const AgentMarks& marks) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const auto is_in = [family](const char* set) {
      return is(key_of_packet(family), "@" + std::string(set));
    };
    out.push_back(rule(confined, {is_not(meta("oifname"), "lo"), is_in(allow_name(family)),
                                  set_flow_mark(marks.permitted), accept()}));
    out.push_back(rule(confined, {is_in(net_name(family)), set_flow_mark(marks.permitted), accept()}));
  }
}

// TCP Fast Open delivers data with the SYN, before the rules see who accepts. Drop it; the sender's retry, a second
// later, carries no data. A connection of the agent to its own service stays a flow for ten seconds after its end, so
// this comes before established flows.
void add_syn_data_guard(Json& out) {
  out.push_back(rule(confined, {is(meta("oifname"), "lo"), begins_connection(), jump(data)}));
}

// A connection must begin with a SYN. One that does not was begun while the rules were missing,
// perhaps to another user's service.
void add_loopback(Json& out, const AgentMarks& marks) {
  const Json to_this_host = is(meta("oifname"), "lo");
  out.push_back(rule(confined, {to_this_host, local_destination(), begins_connection(),
                                set_flow_mark(marks.own_service), accept()}));
  out.push_back(rule(confined, {to_this_host, local_destination(), is_icmp(), accept()}));
}

}  // namespace

void add_output_of_user(Json& out, const Ruleset& ruleset, uint32_t user) {
  const AgentMarks marks = agent_marks(ruleset);
  out.push_back(add("chain", {{"name", confined}}));
  add_crowd(out, ruleset);
  add_data(out);
  out.push_back(base_chain("output", "filter", "output", filter_priority, "accept"));
  add_gate(out, ruleset);
  add_constant_ids(out);
  out.push_back(rule("output", {is_user(user), go(confined)}));
  add_guard_of_relay(out, ruleset);
  add_foreign_syn(out, marks);
  add_foreign_syn_ack(out, marks);
  add_ownerless(out, ruleset, user);
  add_input_of_user(out, ruleset);

  out.push_back(rule(confined, {jump(invert)}));
  add_forged_source(out, confined);
  add_source_route(out, confined);
  add_syn_data_guard(out);
  add_flow_limits(out);
  add_nameless(out, ruleset, confined);
  add_flows(out, ruleset, marks);
  add_gates_port(out, ruleset, marks);
  add_relays_ports(out, ruleset, marks);
  add_closed_resolvers(out, ruleset, confined);
  add_permitted(out, marks);
  add_loopback(out, marks);
  out.push_back(rule(confined, {deny()}));
}

}  // namespace ostiary::nft
