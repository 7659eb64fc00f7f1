#include "nameless.h"

#include <utility>

#include <netinet/in.h>

#include "expressions.h"
#include "output.h"

namespace ostiary::nft {
namespace {

constexpr const char* begins_chain = "begins";
constexpr const char* flowless_chain = "flowless";
constexpr const char* nameless_chain = "nameless";
constexpr const char* misnamed_chain = "misnamed";

// ---- IPv6 without tracking: the sets are in the place of marks

bool is_tracked(const Ruleset& ruleset, Family family) {
  return family == Family::ipv4 || ruleset.tracking == Tracking::both_families;
}

void add_flow_set(Json& out, const char* name, uint32_t size, uint32_t seconds) {
  out.push_back(add("set", {{"name", name},
                            {"type", {"ipv6_addr", "inet_service", "ipv6_addr", "inet_service"}},
                            {"flags", {"timeout"}},
                            {"size", size},
                            {"timeout", seconds}}));
}

// Of a packet of the agent, and of one of the server.
Json flow_of_sent() {
  return {{"concat",
           {field("ip6", "saddr"), field("tcp", "sport"), field("ip6", "daddr"), field("tcp", "dport")}}};
}
Json flow_of_answer() {
  return {{"concat",
           {field("ip6", "daddr"), field("tcp", "dport"), field("ip6", "saddr"), field("tcp", "sport")}}};
}

Json in_set(const char* set) {
  return "@" + std::string(set);
}

// `how`: "update" adds the flow, or lets it stay for the set's time again; "delete".
Json change(const char* how, const char* set, const Json& flow = flow_of_sent()) {
  return {{"set", {{"op", how}, {"elem", flow}, {"set", in_set(set)}}}};
}

// ---- a flow begins

Json begins() {
  return tcp_flags(fin | syn | rst | ack, syn);
}

const char* hold_chain(const Ruleset& ruleset, Family family) {
  return is_tracked(ruleset, family) ? "hold" : "hold6";
}

// A SYN waits for the gate. One in no flow, which has no direction, or in one that the other side began is denied. One in a
// connection that stands does not begin a flow: it may be of another socket with the same ports, and for the server the
// connection goes on.
void add_hold_chains(Json& out, const Ruleset& ruleset) {
  const char* const tracked = hold_chain(ruleset, Family::ipv4);
  out.push_back(add("chain", {{"name", tracked}}));
  const AgentMarks marks = agent_marks(ruleset);
  const Json from_agent = is(ct("direction"), "original");
  out.push_back(rule(tracked, {has(ct("state"), "established"), from_agent, go(ask_chain)}));
  out.push_back(rule(tracked, {from_agent, set_flow_mark(marks.nameless), go(ask_chain)}));
  out.push_back(rule(tracked, {deny()}));
  if (is_tracked(ruleset, Family::ipv6)) return;
  const char* const untracked = hold_chain(ruleset, Family::ipv6);
  out.push_back(add("chain", {{"name", untracked}}));
  out.push_back(
      rule(untracked, {change("update", begun6_name), change("delete", nameless6_name),
                       change("delete", opened6_name), change("delete", requests6_name), go(ask_chain)}));
  out.push_back(rule(untracked, {deny()}));
}

void add_untracked_flows(Json& out, const char* chain) {
  const Json continues = is_not(tcp_flags_of(fin | syn | rst | ack), syn);
  out.push_back(rule(chain, {is(flow_of_sent(), in_set(nameless6_name)), continues, go(nameless_chain)}));
  out.push_back(rule(chain, {is(flow_of_sent(), in_set(requests6_name)), continues,
                             change("update", requests6_name), go(nameless_chain)}));
  out.push_back(rule(chain, {is(flow_of_sent(), in_set(opened6_name)), continues,
                             change("update", opened6_name), accept()}));
}

}  // namespace

void add_nameless_sets(Json& out, const Ruleset& ruleset) {
  if (!ruleset.name_queue || is_tracked(ruleset, Family::ipv6)) return;
  for (const char* set : {begun6_name, nameless6_name})
    add_flow_set(out, set, limits::nameless_flows, limits::seconds_of_a_nameless_flow);
  for (const char* set : {requests6_name, opened6_name})
    add_flow_set(out, set, limits::opened_flows, limits::seconds_of_an_opened_flow);
}

void add_nameless_chains(Json& out, const Ruleset& ruleset) {
  if (!ruleset.name_queue) return;
  for (const char* chain : {ask_chain, begins_chain, flowless_chain, nameless_chain, misnamed_chain})
    out.push_back(add("chain", {{"name", chain}}));
  out.push_back(rule(ask_chain, {counter(), drop()}));
  add_hold_chains(out, ruleset);
  // Servers disagree whether the urgent octet is in the stream: the gate refuses it. The gate also looks at what the end of
  // the connection cuts off.
  for (const Json& no_data : length_beside_headers("==")) {
    Json all = Json::array({tcp_flags(urg | fin, 0)});
    all.append(no_data);
    all.push_back(accept());
    out.push_back(rule_of(nameless_chain, std::move(all)));
  }
  out.push_back(rule(nameless_chain, {go(ask_chain)}));
  // The gate has audited it, unless the packet is in no flow.
  out.push_back(rule(misnamed_chain, {counter(), {{"reject", {{"type", "tcp reset"}}}}}));

  for (const Family family : {Family::ipv4, Family::ipv6}) {
    Json named = Json::array();
    if (ruleset.only_user) named.push_back(is_not(meta("oifname"), "lo"));
    named.push_back(is(key_of_packet(family), in_set(named_name(family))));
    named.push_back(is_not(key_of_packet(family), in_set(net_name(family))));  // a network has no name
    const Json self_test{is(field(ip(family), "daddr"), inet::IpAddress::loopback(family).text()),
                         to_port(ruleset.self_test_port)};
    for (const Json& destination : {named, self_test}) {
      Json begins = destination, flowless = destination;
      begins.push_back(go(hold_chain(ruleset, family)));
      flowless.push_back(go(misnamed_chain));
      out.push_back(rule_of(begins_chain, std::move(begins)));
      out.push_back(rule_of(flowless_chain, std::move(flowless)));
    }
  }
  // The address may not be admitted any more. Then the mark of an earlier flow with its ports must not open it.
  const AgentMarks marks = agent_marks(ruleset);
  out.push_back(
      rule(begins_chain,
           {is(ct("mark"), any_of({marks.permitted, marks.nameless, marks.misnamed, marks.requests})),
            set_flow_mark(ruleset.holds_everybody() ? unverified(ruleset.gate_mark) : 0)}));
}

void add_nameless(Json& out, const Ruleset& ruleset, const char* chain) {
  if (!ruleset.name_queue) return;
  const AgentMarks marks = agent_marks(ruleset);
  const Json from_agent = is(ct("direction"), "original");
  out.push_back(rule(chain, {begins(), jump(begins_chain)}));
  for (const uint32_t waits : {marks.nameless, marks.requests})
    out.push_back(rule(chain, {flow_is_marked(waits), from_agent, go(nameless_chain)}));
  out.push_back(rule(chain, {flow_is_marked(marks.misnamed), from_agent, go(misnamed_chain)}));
  if (!is_tracked(ruleset, Family::ipv6)) add_untracked_flows(out, chain);
  // What is in no flow has no name, although a rule that asks for none may have opened the address too. Nor has a flow
  // whose beginning the kernel has forgotten, or that may have begun while the rules were missing.
  out.push_back(
      rule(chain, {has(ct("state"), Json::array({"invalid", "untracked", "new"})), jump(flowless_chain)}));
  if (ruleset.holds_everybody())
    out.push_back(rule(chain, {flow_is_marked(unverified(ruleset.gate_mark)), jump(flowless_chain)}));
  out.push_back(
      rule(chain, {is(ct("direction"), "reply"), is_not(ct("mark"), marks.permitted), jump(flowless_chain)}));
}

// Those without data too: they acknowledge what the gate has read.
void add_answers_to_nameless(Json& out, const Ruleset& ruleset, const char* chain) {
  if (!ruleset.name_queue) return;
  const Json continues = is_not(tcp_flags_of(syn), syn);
  out.push_back(rule(chain, {flow_is_marked(agent_marks(ruleset).nameless), is(ct("direction"), "reply"),
                             continues, go(ask_chain)}));
  if (is_tracked(ruleset, Family::ipv6)) return;
  // A server for which an earlier connection with these ports goes on does not send it.
  out.push_back(rule(chain, {is(flow_of_answer(), in_set(begun6_name)), tcp_flags(syn | ack, syn | ack),
                             change("update", nameless6_name, flow_of_answer()),
                             change("delete", begun6_name, flow_of_answer())}));
  out.push_back(rule(chain, {is(flow_of_answer(), in_set(nameless6_name)), continues, go(ask_chain)}));
}

}  // namespace ostiary::nft
