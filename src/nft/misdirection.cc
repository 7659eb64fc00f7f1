#include "misdirection.h"

#include <utility>

#include "expressions.h"
#include "output.h"

namespace ostiary::nft {
namespace {

constexpr const char* forged = "forged";
constexpr int behind_filter = filter_priority + 1;

void add_silent_chain(Json& out, const Ruleset& ruleset, const char* name, Cause cause) {
  out.push_back(add("chain", {{"name", name}}));
  out.push_back(rule(name, {counter(), log(ruleset, cause), drop()}));
}

// A program chooses the interface of what it sends to a group, by no route: everybody on that link may hear
// it.
void add_for_one_host(Json& out, const char* chain, Json::array_t matches, const Json::array_t& statements) {
  for (const Json& many : {Json{{"prefix", {{"addr", "224.0.0.0"}, {"len", 4}}}}, Json("255.255.255.255")})
    matches.push_back(is_not(field("ip", "daddr"), many));
  matches.insert(matches.end(), statements.begin(), statements.end());
  out.push_back(add("chain", {{"name", chain}}));
  out.push_back(rule(chain, Json(std::move(matches))));
}

void leave_other_users_alone(Json& out, const Ruleset& ruleset, const char* chain) {
  if (ruleset.only_user) out.push_back(rule(chain, {is_not(meta("skuid"), *ruleset.only_user), accept()}));
}

// Behind a rule that leaves other users alone: packets that may be of a confined process go to that chain.
void add_for_confined(Json& out, const Ruleset& ruleset, const char* chain, const char* to) {
  if (!ruleset.only_user) return out.push_back(rule(chain, {go(to)}));
  out.push_back(rule(chain, {is_user(*ruleset.only_user), go(to)}));
  add_for_closed_sockets(out, ruleset, chain, to);
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
  // Loopback addresses have one way. `output` accepts questions to the gate itself before it inverts marks.
  add_for_one_host(out, invert, {is_not(field("ip", "daddr"), loopback_network())}, {invert_mark});
  out.push_back(rule(invert, {is_not(field("ip6", "daddr"), {{"prefix", {{"addr", "ff00::"}, {"len", 8}}}}),
                              is_not(field("ip6", "daddr"), "::1"), invert_mark}));
}

void add_for_closed_sockets(Json& out, const Ruleset& ruleset, const char* chain, const char* to) {
  out.push_back(rule(chain, {flow_is_marked(agent_marks(ruleset).permitted), go(to)}));
  out.push_back(rule(chain, {has(ct("state"), "untracked"), go(to)}));
}

void add_reroute(Json& out, const Ruleset& ruleset) {
  constexpr const char* chain = "reroute";
  out.push_back(base_chain(chain, "route", "output", behind_filter, "accept"));
  out.push_back(rule(chain, {is(meta("mark"), ruleset.gate_mark), accept()}));
  leave_other_users_alone(out, ruleset, chain);
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
  // What came over loopback has a way back there, whatever its source is.
  const Json no_way_back = is(fib("oif", {"saddr", "iif"}), false);
  out.push_back(base_chain(chain, "filter", "prerouting", filter_priority, "accept"));
  // A host without an address yet asks whether one is free. The hop limit keeps other packets from "::" out,
  // which the kernel would answer.
  out.push_back(
      rule(chain, {is(field("ip6", "saddr"), "::"), is(field("icmpv6", "type"), {{"range", {133, 136}}}),
                   is(field("ip6", "hoplimit"), 255), accept()}));
  // What is sent to many is noise, and not logged.
  out.push_back(rule(chain, {no_way_back, is_not(meta("pkttype"), "unicast"), counter(), drop()}));
  out.push_back(rule(chain, {no_way_back, go(forged)}));
}

void add_wire(Json& out, const Ruleset& ruleset) {
  out.push_back(base_chain("wire", "filter", "postrouting", filter_priority, "accept"));
  leave_other_users_alone(out, ruleset, "wire");
  // What lo brings here is for this host, whatever its header says. Where the rules hold one user, a service
  // may be another user's: the agent must have named this host.
  if (ruleset.only_user) {
    out.push_back(rule("wire", {is(meta("oifname"), "lo"), local_destination(), accept()}));
    out.push_back(rule("wire", {is(meta("oifname"), "lo"), go(stray)}));
  } else {
    out.push_back(rule("wire", {is(meta("oifname"), "lo"), accept()}));
  }
  for (const Json& lie :
       {local_destination(), is(field("ip", "saddr"), loopback_network()), is(field("ip6", "saddr"), "::1")})
    out.push_back(rule("wire", {lie, go(stray)}));
  // A socket that is bound to an interface without a route sends there all the same.
  if (!ruleset.routes) return;
  constexpr const char* routed = "routed";
  const Json way{{"concat", {meta("oif"), field("ip", "daddr")}}};
  add_for_one_host(out, routed, {},
                   {is_not(meta("oif"), "@" + std::string(uplinks_name)),
                    is_not(way, "@" + std::string(routes_name)), go(stray)});
  add_for_confined(out, ruleset, "wire", routed);
}

}  // namespace ostiary::nft
