// Where one user is held, everybody else on this machine is somebody to get out through, and their flows are
// there to be taken over. So nothing passes for what it is near to:
// - A flow is the agent's if the agent began it while the rules were there: it is marked then. In a flow that
// it
//   did not begin it may answer, and no more.
// - Over loopback it reaches its own services and the gate. Who answers shows whose a service is: a
// connection is
//   accepted by whoever owns the socket that listens.
// A packet without an owner is the kernel's or of a connection that was closed, and not a beginning.
#include <netinet/in.h>

#include "expressions.h"
#include "output.h"

namespace ostiary::nft {
namespace {

constexpr const char* confined = "confined";

// Marks of flows, apart from the gate's.
struct Marks {
  uint32_t permitted;    // the agent's, to what the rules permit
  uint32_t own_service;  // the agent's, to what listens on this host and must be its own
  uint32_t not_its_own;  // it is not
};
Marks marks_of(const Ruleset& ruleset) {
  return {ruleset.gate_mark ^ 1U, ruleset.gate_mark ^ 2U, ruleset.gate_mark ^ 3U};
}

// Drops an acceptance by somebody else; the agent's next try, a second later, is refused. Sent back to the
// one who accepted, a refusal would tell the agent nothing.
void add_acceptance(Json& out, const Marks& marks, uint32_t user) {
  const auto acceptance = [](uint32_t mark, std::initializer_list<Json> verdict) {
    Json::array_t statements{flow_is_marked(mark), is(ct("direction"), "reply"),
                             tcp_flags(syn | ack, syn | ack)};
    statements.insert(statements.end(), verdict);
    return rule("output", Json(statements));
  };
  out.push_back(acceptance(marks.own_service, {is_user(user), accept()}));
  for (const uint32_t mark : {marks.own_service, marks.not_its_own})
    out.push_back(
        acceptance(mark, {{{"counter", nullptr}}, set_flow_mark(marks.not_its_own), {{"drop", nullptr}}}));
}

void add_flows(Json& out, const Ruleset& ruleset, const Marks& marks) {
  for (const uint32_t foreign : {ruleset.gate_mark, marks.not_its_own})
    out.push_back(rule(confined, {flow_is_marked(foreign), deny()}));
  out.push_back(rule(confined, {tcp_or_udp(), to_port(dns_port), deny()}));
  out.push_back(rule(confined, {has(ct("state"), "established"), is(ct("direction"), "reply"), accept()}));
  for (const uint32_t its_own : {marks.permitted, marks.own_service})
    out.push_back(rule(confined, {has(ct("state"), "established"), flow_is_marked(its_own), accept()}));
}

void add_gates_port(Json& out, const Ruleset& ruleset, const Marks& marks) {
  // A redirected packet keeps the interface it was first routed to.
  out.push_back(rule(confined, {has(ct("status"), "dnat"), local_destination(), tcp_or_udp(),
                                to_port(ruleset.gate_port), set_flow_mark(marks.permitted), accept()}));
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const char* const gate = family == Family::ipv4 ? "127.0.0.1" : "::1";
    out.push_back(
        rule(confined, {is(meta("oifname"), "lo"), is(field(ip(family), "daddr"), gate), tcp_or_udp(),
                        to_port(ruleset.gate_port), set_flow_mark(marks.permitted), accept()}));
  }
}

void add_permitted(Json& out, const Marks& marks) {
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (const char* set : {allow_name(family), net_name(family)})
      out.push_back(rule(confined, {is(key_of_packet(family), "@" + std::string(set)),
                                    set_flow_mark(marks.permitted), accept()}));
}

// What comes with the beginning itself, by TCP Fast Open, its owner has before anybody sees who accepts. A
// beginning of Linux's is no longer than this without that; the next try, a second later, is one.
void add_early_words(Json& out, const Json& to_this_host) {
  constexpr unsigned tcp_with_usual_options = 40;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const unsigned header = family == Family::ipv4 ? 20 : 40;
    out.push_back(rule(confined, {to_this_host,
                                  is(meta("nfproto"), family == Family::ipv4 ? "ipv4" : "ipv6"),
                                  is(meta("l4proto"), number(IPPROTO_TCP)),
                                  tcp_flags(syn | ack, syn),
                                  match(meta("length"), ">", header + tcp_with_usual_options),
                                  {{"counter", nullptr}},
                                  {{"drop", nullptr}}}));
  }
}

void add_loopback(Json& out, const Marks& marks) {
  const Json to_this_host = is(meta("oifname"), "lo");
  add_early_words(out, to_this_host);
  out.push_back(rule(confined, {to_this_host, local_destination(), is(meta("l4proto"), number(IPPROTO_TCP)),
                                set_flow_mark(marks.own_service), accept()}));
  out.push_back(rule(
      confined, {to_this_host, local_destination(),
                 is(meta("l4proto"), any_of({number(IPPROTO_ICMP), number(IPPROTO_ICMPV6)})), accept()}));
}

}  // namespace

void add_output_of_user(Json& out, const Ruleset& ruleset, uint32_t user) {
  const Marks marks = marks_of(ruleset);
  out.push_back(add("chain", {{"name", confined}}));
  out.push_back(base_chain("output", "filter", "output", filter_priority, "accept"));
  add_gate(out, ruleset);
  add_acceptance(out, marks, user);
  out.push_back(rule("output", {is_user(user), {{"goto", {{"target", confined}}}}}));

  add_own_source(out, confined);
  add_flows(out, ruleset, marks);
  add_inbound(out, ruleset, confined);
  add_gates_port(out, ruleset, marks);
  add_closed_resolvers(out, ruleset, confined);
  add_permitted(out, marks);
  add_loopback(out, marks);
  out.push_back(rule(confined, {deny()}));
}

}  // namespace ostiary::nft
