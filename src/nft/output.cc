#include "output.h"

#include <utility>

#include "expressions.h"

namespace ostiary::nft {
namespace {

// Nobody answers the gate in its upstream's name. Bound to that server's address, on loopback or as a foreign
// one, a process here could: such a packet belongs to a flow of the gate's and is not the gate's own. A
// resolver that really is on this host answers flows, and begins none.
void add_forgery(Json& out, const Ruleset& ruleset) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Json::array_t resolvers;
    for (const inet::IpAddress& resolver : ruleset.closed_resolvers)
      if (resolver.family() == family) resolvers.push_back(resolver.text());
    if (resolvers.empty()) continue;
    const Json from_one = is(field(ip(family), "saddr"), {{"set", resolvers}});
    out.push_back(rule("output", {from_one, has(ct("state"), "new"), deny()}));
    out.push_back(rule(
        "output", {from_one, is(ct("mark"), ruleset.gate_mark), has(ct("state"), "established"), accept()}));
  }
  out.push_back(rule("output", {is(ct("mark"), ruleset.gate_mark), tcp_or_udp(), deny()}));
}

void add_established(Json& out, const Ruleset& ruleset) {
  // The kernel's own refusal of a connection, whatever port it goes back to.
  out.push_back(rule("output", {has(ct("state"), "related"), is(ct("direction"), "reply"),
                                has(field("tcp", "flags"), "rst"), accept()}));
  // DNS that is still DNS here was not redirected.
  out.push_back(rule("output", {tcp_or_udp(), to_port(dns_port), deny()}));
  const uint32_t doubtful = doubted(ruleset.gate_mark);
  const Json beyond_doubt =
      is_not(ct("mark"), any_of({ruleset.gate_mark, doubtful, taken_up(ruleset.gate_mark)}));
  out.push_back(rule("output", {has(ct("state"), "established"), beyond_doubt, accept()}));
  out.push_back(rule("output", {has(ct("state"), "established"), flow_is_marked(doubtful),
                                is(ct("direction"), "reply"), accept()}));
  // Connection tracking helpers could relate whole flows; errors about a flow are all that is meant.
  out.push_back(rule(
      "output", {has(ct("state"), "related"),
                 is(meta("l4proto"), any_of({number(IPPROTO_ICMP), number(IPPROTO_ICMPV6)})), accept()}));
}

void add_loopback(Json& out, const Ruleset& ruleset) {
  // A redirected packet keeps the interface it was first routed to.
  out.push_back(rule("output", {has(ct("status"), "dnat"), local_destination(), tcp_or_udp(),
                                to_port(ruleset.gate_port), accept()}));
  add_closed_resolvers(out, ruleset, "output");
  // The interface counts as well: a socket bound to another one can send to 127.0.0.1 there, and a packet
  // that another table turned from elsewhere to a process here, such as a proxy, keeps the interface it had.
  out.push_back(rule("output", {is(meta("oifname"), "lo"), local_destination(), accept()}));
}

void add_permitted(Json& out) {
  for (const Family family : {Family::ipv4, Family::ipv6})
    for (const char* set : {allow_name(family), net_name(family)})
      out.push_back(rule("output", {is(key_of_packet(family), "@" + std::string(set)), accept()}));
}

// Router and neighbour solicitation and advertisement. Hop limit 255 says it stays on the link: no router
// lets one arrive with it.
void add_neighbour_discovery(Json& out) {
  out.push_back(rule("output", {is(field("icmpv6", "type"), {{"range", {133, 136}}}),
                                is(field("ip6", "hoplimit"), 255), accept()}));
}

// Every connection begins with SYN alone; one that does not was under way when the kernel began to look.
void add_arriving(Json& out, const Ruleset& ruleset) {
  out.push_back(base_chain("arriving", "filter", "input", filter_priority, "accept"));
  out.push_back(rule("arriving", {has(ct("state"), "new"), is_not(tcp_flags_of(syn | rst | ack), syn),
                                  set_flow_mark(taken_up(ruleset.gate_mark))}));
}

}  // namespace

// The gate's own packets. The flows it opens are marked as well: when its socket is gone, the agent could
// bind the same port, and its packets would belong to that flow and pass as "established".
void add_gate(Json& out, const Ruleset& ruleset) {
  out.push_back(rule("output", {is(meta("mark"), ruleset.gate_mark),
                                is(ct("direction"), "original"),
                                {{"mangle", {{"key", ct("mark")}, {"value", ruleset.gate_mark}}}}}));
  out.push_back(rule("output", {is(meta("mark"), ruleset.gate_mark), accept()}));
}

// Nobody begins a flow in another host's name. IPv6 lets any process bind an address that is not here; a flow
// begun from there to a port of its own would then let it answer, as "established", to wherever it likes.
void add_own_source(Json& out, const char* chain) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const char* unspecified = family == Family::ipv4 ? "0.0.0.0" : "::";
    out.push_back(
        rule(chain, {has(ct("state"), "new"), is_not(field(ip(family), "saddr"), unspecified),
                     is_not({{"fib", {{"result", "type"}, {"flags", {"saddr"}}}}}, "local"), deny()}));
  }
}

// Answers of services, without a look at the connection. Every packet of TCP carries ACK or RST but the one
// that begins: so no flow begins here. From this host's own address, since that is where the service is.
void add_inbound(Json& out, const Ruleset& ruleset, const char* chain) {
  for (const AddressRule& each : ruleset.inbound) {
    const Family family = each.network.family();
    const Json to_client = each.prefix_length == 0
                               ? is(meta("nfproto"), family == Family::ipv4 ? "ipv4" : "ipv6")
                               : is(field(ip(family), "daddr"), prefix(each.network, each.prefix_length));
    Json ports = each.first_port;
    if (each.first_port != each.last_port) ports = {{"range", {each.first_port, each.last_port}}};
    out.push_back(
        rule(chain, {to_client, is(field("tcp", "sport"), ports), has_any_tcp_flag(ack | rst),
                     is({{"fib", {{"result", "type"}, {"flags", {"saddr"}}}}}, "local"), accept()}));
  }
}

void add_closed_resolvers(Json& out, const Ruleset& ruleset, const char* chain) {
  for (const inet::IpAddress& resolver : ruleset.closed_resolvers)
    out.push_back(rule(chain, {is(field(ip(resolver.family()), "daddr"), resolver.text()), deny()}));
}

void add_output(Json& out, const Ruleset& ruleset) {
  out.push_back(base_chain("output", "filter", "output", filter_priority, "drop"));
  add_gate(out, ruleset);
  add_own_source(out, "output");
  add_forgery(out, ruleset);
  add_established(out, ruleset);
  add_inbound(out, ruleset, "output");
  add_loopback(out, ruleset);
  add_permitted(out);
  add_neighbour_discovery(out);
  out.push_back(rule("output", {deny()}));
  add_arriving(out, ruleset);
}

}  // namespace ostiary::nft
