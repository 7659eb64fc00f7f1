#include "misdirection.h"

#include <utility>

#include "expressions.h"
#include "output.h"

namespace ostiary::nft {
namespace {

constexpr const char* forged = "forged";
constexpr const char* invert = "invert";
constexpr int behind_filter = filter_priority + 1;

void add_silent_chain(Json& out, const Ruleset& ruleset, const char* name, Cause cause) {
  out.push_back(add("chain", {{"name", name}}));
  out.push_back(rule(name, {counter(), log(ruleset, cause), drop()}));
}

// A program chooses the interface of what it sends to a group, by no route. Everybody on that link may hear
// it.
void add_inverting(Json& out, Json::array_t matches) {
  constexpr uint32_t all_bits = 0xffffffff;
  matches.push_back(is_not(meta("oifname"), "lo"));
  matches.push_back(is_not(field("ip", "daddr"), {{"prefix", {{"addr", "224.0.0.0"}, {"len", 4}}}}));
  matches.push_back(is_not(field("ip", "daddr"), "255.255.255.255"));
  matches.push_back({{"mangle", {{"key", meta("mark")}, {"value", {{"^", {meta("mark"), all_bits}}}}}}});
  matches.push_back({{"return", nullptr}});
  out.push_back(rule(invert, Json(std::move(matches))));
}

// A packet without an owner may be of a socket that the agent closed: in a flow of the agent's, or where no
// flow shows whose it is.
void add_inverting_of_user(Json& out, const Ruleset& ruleset, uint32_t user) {
  add_inverting(out, {is_user(user)});
  out.push_back(rule(invert, {is_not(meta("skuid"), user), {{"return", nullptr}}}));
  add_inverting(out, {flow_is_marked(agent_marks(ruleset).permitted)});
  add_inverting(out, {has(ct("state"), "untracked")});
}

}  // namespace

void add_misdirection(Json& out, const Ruleset& ruleset) {
  add_silent_chain(out, ruleset, forged, Cause::forged_source);
  add_silent_chain(out, ruleset, stray, Cause::wrong_interface);
}

void add_inversion(Json& out, const Ruleset& ruleset) {
  out.push_back(add("chain", {{"name", invert}}));
  if (ruleset.only_user)
    add_inverting_of_user(out, ruleset, *ruleset.only_user);
  else
    add_inverting(out, {});
  out.push_back(rule("output", {jump(invert)}));
}

void add_reroute(Json& out, const Ruleset& ruleset) {
  constexpr const char* chain = "reroute";
  out.push_back(base_chain(chain, "route", "output", behind_filter, "accept"));
  out.push_back(rule(chain, {is(meta("mark"), ruleset.gate_mark), accept()}));
  out.push_back(rule(chain, {go(invert)}));
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
  const Json no_way_back = is(fib("oif", {"saddr", "iif"}), false);
  out.push_back(base_chain(chain, "filter", "prerouting", filter_priority, "accept"));
  out.push_back(rule(chain, {is(meta("iifname"), "lo"), accept()}));
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
  out.push_back(rule("wire", {is(meta("oifname"), "lo"), accept()}));
  // A packet without an owner may be of a socket that the agent closed.
  if (ruleset.only_user) out.push_back(rule("wire", {is_not(meta("skuid"), *ruleset.only_user), accept()}));
  for (const Json& lie :
       {local_destination(), is(field("ip", "saddr"), loopback_network()), is(field("ip6", "saddr"), "::1")})
    out.push_back(rule("wire", {lie, go(stray)}));
}

}  // namespace ostiary::nft
