#include "output.h"

#include <utility>

#include "expressions.h"
#include "misdirection.h"
#include "nameless.h"

namespace ostiary::nft {
namespace {

// The kernel's own refusals. A TCP reset comes from the refused address, which is not this host's.
// Over loopback it reaches this host alone. A refusal to a container inside leaves this host; only
// `forward` sets the mark that lets it out.
void add_refusals(Json& out, const Ruleset& ruleset) {
  out.push_back(
      rule("output", {is(meta("oifname"), "lo"), has_any_tcp_flag(rst), local_destination(), accept()}));
  out.push_back(rule("output", {has(ct("state"), "related"),
                                flow_is_marked(refused_forwarding(ruleset.gate_mark)), accept()}));
}

// Router and neighbour solicitation and advertisement. No router forwards a packet with hop limit
// 255, so they stay on the link. An interface that tests its new address sends from "::".
void add_neighbour_discovery(Json& out) {
  out.push_back(rule("output", {is(field("icmpv6", "type"), {{"range", {133, 136}}}),
                                is(field("ip6", "hoplimit"), 255), accept()}));
}

// Only the upstream may answer the gate. The agent could bind the address of a resolver of this
// host and answer in its place: such a packet is in a flow of the gate without the gate's mark.
// Docker's resolver is the exception: Docker redirects the question to a port that dockerd holds,
// and dockerd is another user. It answers flows and begins none.
void add_upstream_spoof_guard(Json& out, const Ruleset& ruleset) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Json resolvers = Json::array();
    for (const inet::IpAddress& resolver : ruleset.closed_resolvers)
      if (resolver.family() == family) resolvers.push_back(resolver.text());
    if (resolvers.elements().empty()) continue;
    const Json from_resolver = is(field(ip(family), "saddr"), {{"set", resolvers}});
    out.push_back(rule("output", {from_resolver, has(ct("state"), "new"), deny()}));
    Json answer = Json::array({from_resolver, has(ct("status"), "dnat")});
    if (ruleset.agent_user != 0) answer.push_back(is_not(meta("skuid"), ruleset.agent_user));
    answer.push_back(accept());
    out.push_back(rule_of("output", std::move(answer)));
  }
  out.push_back(rule("output", {flow_is_marked(ruleset.gate_mark), tcp_or_udp(), deny()}));
}

// Packets between a process and the gate's own port 53. First, because most questions go there.
void add_direct(Json& out) {
  out.push_back(add("chain", {{"name", direct_chain}}));
  out.push_back(
      rule("output", {is(meta("oifname"), "lo"), has(ct("state"), "untracked"), jump(direct_chain)}));
}

void add_established(Json& out, const Ruleset& ruleset) {
  // A packet that is still for port 53 here was not redirected.
  out.push_back(rule("output", {tcp_or_udp(), to_port(dns_port), deny()}));
  const Json is_verified = is_not(ct("mark"), any_of({ruleset.gate_mark, unverified(ruleset.gate_mark)}));
  out.push_back(rule("output", {has(ct("state"), "established"), is_verified, accept()}));
  // ICMP errors about a flow that was accepted. "confirmed" excludes flows that a conntrack helper
  // relates, and errors about a refused packet, which would quote it.
  out.push_back(rule("output", {has(ct("state"), "related"), has(ct("status"), "confirmed"), accept()}));
}

// Answers of services in connections whose state proves nothing: the kernel does not track the
// connection, or first saw it under way, or it may have begun while the rules were missing. Every
// TCP packet but the first has ACK or RST, so no connection begins here.
void add_inbound_answers(Json& out, const Ruleset& ruleset) {
  for (const Json& unknown : {has(ct("state"), Json::array({"invalid", "untracked"})),
                              flow_is_marked(unverified(ruleset.gate_mark))})
    for (const AddressRule& each : ruleset.inbound)
      if (each.protocol == IPPROTO_TCP)
        out.push_back(
            rule("output", {unknown, in_network(each, "daddr"), is(field("tcp", "sport"), ports_of(each)),
                            has_any_tcp_flag(ack | rst), accept()}));
}

void add_loopback(Json& out, const Ruleset& ruleset) {
  // A redirected packet still has the output interface of its first route.
  out.push_back(
      rule("output", {has(ct("status"), "dnat"), local_destination(), to_port(ruleset.gate_port), accept()}));
  add_closed_resolvers(out, ruleset, "output");
  // The interface must be lo as well. A socket bound to another interface can send to 127.0.0.1
  // there. A packet that another table redirected to a process here, such as a proxy, still has its
  // first interface.
  out.push_back(rule("output", {is(meta("oifname"), "lo"), local_destination(), accept()}));
}

void add_permitted(Json& out) {
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (const char* set : {allow_name(family), net_name(family)})
      out.push_back(rule("output", {is(key_of_packet(family), "@" + std::string(set)), accept()}));
}

}  // namespace

// Accepts the gate's packets, and marks the flows that the gate opens. Once the gate's socket is
// closed, the agent could bind the same port: without the mark, its packets would pass as
// "established" in that flow.
void add_gate(Json& out, const Ruleset& ruleset) {
  const Json is_gate = is(meta("mark"), ruleset.gate_mark);
  out.push_back(rule("output", {is_gate, is(ct("direction"), "original"), set_flow_mark(ruleset.gate_mark)}));
  out.push_back(rule("output", {is_gate, accept()}));
}

void add_closed_resolvers(Json& out, const Ruleset& ruleset, const char* chain) {
  for (const inet::IpAddress& resolver : ruleset.closed_resolvers)
    out.push_back(rule(chain, {is(field(ip(resolver.family()), "daddr"), resolver.text()), deny()}));
}

// The error would go to the server that the process asked, with a name that the process chose.
void add_late_answers(Json& out, const Json& matches) {
  constexpr unsigned icmp_header = 8;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const unsigned quoted_header = family == Family::ipv4 ? 20 : 40;
    Json all = matches;
    for (const Json& each :
         {protocol(icmp_of(family)),
          is(raw_transport(icmp_header + quoted_header, sizeof dns_port), dns_port), counter(), drop()})
      all.push_back(each);
    out.push_back(rule_of("output", std::move(all)));
  }
}

void add_constant_ids(Json& out) {
  out.push_back(rule("output", {is(field("ip", "protocol"), number(IPPROTO_ICMP)), set_ip_id(0)}));
}

void add_output(Json& out, const Ruleset& ruleset) {
  out.push_back(base_chain("output", "filter", "output", filter_priority, "drop"));
  add_direct(out);
  add_gate(out, ruleset);
  add_constant_ids(out);
  out.push_back(rule("output", {jump(invert)}));
  add_refusals(out, ruleset);
  add_neighbour_discovery(out);
  add_forged_source(out, "output");
  add_source_route(out, "output");
  add_upstream_spoof_guard(out, ruleset);
  add_nameless(out, ruleset, "output");
  add_established(out, ruleset);
  add_inbound_answers(out, ruleset);
  add_loopback(out, ruleset);
  add_permitted(out);
  add_late_answers(out, Json::array());
  out.push_back(rule("output", {deny()}));
}

}  // namespace ostiary::nft
