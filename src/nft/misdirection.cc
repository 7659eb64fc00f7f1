#include "misdirection.h"

#include <utility>

#include "expressions.h"
#include "output.h"

namespace ostiary::nft {
namespace {

constexpr const char* forged = "forged";

void add_silent_chain(Json& out, const Ruleset& ruleset, const char* name, Cause cause) {
  out.push_back(add("chain", {{"name", name}}));
  out.push_back(rule(name, {counter(), log(ruleset, cause), drop()}));
}

}  // namespace

void add_misdirection(Json& out, const Ruleset& ruleset) {
  add_silent_chain(out, ruleset, forged, Cause::forged_source);
  add_silent_chain(out, ruleset, stray, Cause::wrong_interface);
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
