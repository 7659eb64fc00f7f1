#include "misdirection.h"

#include <utility>

#include "expressions.h"
#include "output.h"

namespace ostiary::nft {
namespace {

constexpr const char* forged = "forged";
constexpr int after_filter = filter_priority + 1;

void add_silent_chain(Json& out, const Ruleset& ruleset, const char* name, Cause cause) {
  out.push_back(add("chain", {{"name", name}}));
  out.push_back(rule(name, {counter(), log(ruleset, cause), drop()}));
}

// Adds a rule that exempts multicast and broadcast. The program chooses the interface of such
// packets, not the routes, and every host on that link may receive them.
void add_unicast_rule(Json& out, const char* chain, Json matches, Json statements) {
  for (const Json& many : {Json{{"prefix", {{"addr", "224.0.0.0"}, {"len", 4}}}}, Json("255.255.255.255")})
    matches.push_back(is_not(field("ip", "daddr"), many));
  matches.append(std::move(statements));
  out.push_back(add("chain", {{"name", chain}}));
  out.push_back(rule_of(chain, std::move(matches)));
}

void accept_other_users(Json& out, const Ruleset& ruleset, const char* chain) {
  if (ruleset.only_user) out.push_back(rule(chain, {is_not(meta("skuid"), *ruleset.only_user), accept()}));
}

// Adds rules that continue in chain `to` with each packet that a confined process may have sent.
// Call it after accept_other_users().
void add_for_confined(Json& out, const Ruleset& ruleset, const char* chain, const char* to) {
  if (ruleset.holds_everybody()) return out.push_back(rule(chain, {go(to)}));
  out.push_back(rule(chain, {is_user(*ruleset.only_user), go(to)}));
  add_for_closed_sockets(out, ruleset, chain, to);
}

// The gate's listeners answer a forged source that connected while the rules were missing. The
// kernel repeats a SYN-ACK for a minute.
void add_answers_of_listeners(Json& out, const Ruleset& ruleset) {
  for (const Json& from_loopback : {is(field("ip", "saddr"), "127.0.0.1"), is(field("ip6", "saddr"), "::1")})
    out.push_back(rule("wire", {is_not(meta("oifname"), "lo"), from_loopback,
                                is(field("th", "sport"), ruleset.gate_port), go(stray)}));
}

}  // namespace

void add_misdirection(Json& out, const Ruleset& ruleset) {
  add_silent_chain(out, ruleset, forged, Cause::forged_source);
  add_silent_chain(out, ruleset, stray, Cause::wrong_interface);
}

void add_invert(Json& out) {
  constexpr uint32_t all_bits = 0xffffffff;
  const Json inverted{{"^", {meta("mark"), all_bits}}};
  const Json invert_mark{{"mangle", {{"key", meta("mark")}, {"value", inverted}}}};
  // Loopback addresses are exempt: they have one route. The questions that `output` accepts before
  // it inverts marks go to such an address.
  add_unicast_rule(out, invert, Json::array({is_not(field("ip", "daddr"), loopback_network())}),
                   Json::array({invert_mark}));
  // Multicast needs no exemption over IPv6: the new lookup keeps the packet's interface.
  out.push_back(rule(invert, {is_not(field("ip6", "daddr"), "::1"), invert_mark}));
}

void add_for_closed_sockets(Json& out, const Ruleset& ruleset, const char* chain, const char* to) {
  const AgentMarks marks = agent_marks(ruleset);
  out.push_back(rule(chain, {is(ct("mark"), any_of({marks.permitted, marks.requests})), go(to)}));
  out.push_back(rule(chain, {has(ct("state"), "untracked"), go(to)}));
}

void add_reroute(Json& out, const Ruleset& ruleset) {
  constexpr const char* chain = "reroute";
  out.push_back(base_chain(chain, "route", "output", after_filter, "accept"));
  out.push_back(rule(chain, {is(meta("mark"), ruleset.gate_mark), accept()}));
  accept_other_users(out, ruleset, chain);
  add_for_confined(out, ruleset, chain, invert);
}

void add_forged_source(Json& out, const char* chain) {
  out.push_back(rule(chain, {is_not(fib("type", {"saddr"}), "local"), go(forged)}));
}

void add_source_route(Json& out, const char* chain) {
  out.push_back(rule(chain, {has_routing_header(), deny()}));
  out.push_back(rule(chain, {has_ip_options(), deny()}));
}

void add_forged_arrival(Json& out) {
  constexpr const char* chain = "arrival";
  // For a packet that came over lo, the lookup finds lo for every source.
  const Json no_route_back = is(fib("oif", {"saddr", "iif"}), false);
  out.push_back(base_chain(chain, "filter", "prerouting", filter_priority, "accept"));
  // A host that has no address yet sends from "::" to test whether one is free. The hop limit
  // excludes other packets from "::", which the kernel would answer.
  out.push_back(
      rule(chain, {is(field("ip6", "saddr"), "::"), is(field("icmpv6", "type"), {{"range", {133, 136}}}),
                   is(field("ip6", "hoplimit"), 255), accept()}));
  // Packets to multicast or broadcast addresses are noise: they are dropped without a log.
  out.push_back(rule(chain, {no_route_back, is_not(meta("pkttype"), "unicast"), counter(), drop()}));
  out.push_back(rule(chain, {no_route_back, go(forged)}));
}

void add_wire(Json& out, const Ruleset& ruleset) {
  out.push_back(base_chain("wire", "filter", "postrouting", filter_priority, "accept"));
  if (ruleset.only_user) add_answers_of_listeners(out, ruleset);
  accept_other_users(out, ruleset, "wire");
  // A packet over lo reaches this host with any header. In user scope the service may be
  // another user's, so the header must name this host.
  if (ruleset.holds_everybody()) {
    out.push_back(rule("wire", {is(meta("oifname"), "lo"), accept()}));
  } else {
    out.push_back(rule("wire", {is(meta("oifname"), "lo"), local_destination(), accept()}));
    out.push_back(rule("wire", {is(meta("oifname"), "lo"), go(stray)}));
  }
  for (const Json& mismatch :
       {local_destination(), is(field("ip", "saddr"), loopback_network()), is(field("ip6", "saddr"), "::1")})
    out.push_back(rule("wire", {mismatch, go(stray)}));
  // A socket that is bound to an interface sends there even if the interface has no route.
  if (!ruleset.routes) return;
  constexpr const char* routed = "routed";
  const Json interface_and_destination{{"concat", {meta("oif"), field("ip", "daddr")}}};
  add_unicast_rule(
      out, routed, Json::array(),
      Json::array({is_not(meta("oif"), "@" + std::string(uplinks_name)),
                   is_not(interface_and_destination, "@" + std::string(routes_name)), go(stray)}));
  add_for_confined(out, ruleset, "wire", routed);
}

}  // namespace ostiary::nft
