// Packets that arrive from outside. The agent could send data in its answers to a host outside, so
// no such host may begin a flow, except to a port of --allow-inbound.
#include <utility>

#include "expressions.h"
#include "misdirection.h"
#include "nameless.h"
#include "output.h"

namespace ostiary::nft {
namespace {

constexpr const char* chain = "input";

Json from_outside() {
  return is_not(meta("iifname"), "lo");
}

// A connection begins with a SYN without ACK. If the kernel first sees a connection under way, its
// packets do not show which side began it.
void add_picked_up(Json& out, const Ruleset& ruleset) {
  out.push_back(rule(chain, {has(ct("state"), "new"), is_not(tcp_flags_of(syn | rst | ack), syn),
                             set_flow_mark(unverified(ruleset.gate_mark)), accept()}));
}

void add_services(Json& out, const Ruleset& ruleset) {
  for (const AddressRule& each : ruleset.inbound)
    out.push_back(rule(chain, {in_network(each, "saddr"), protocol(each.protocol),
                               is(field("th", "dport"), ports_of(each)), accept()}));
}

// The kernel itself answers ICMP and IGMP. Packets to multicast or broadcast addresses are noise:
// they are dropped without a log.
void add_inbound_guard(Json& out, const Ruleset& ruleset) {
  const Json not_for_the_kernel =
      is_not(meta("l4proto"), any_of({number(IPPROTO_ICMP), number(IPPROTO_ICMPV6), number(IPPROTO_IGMP)}));
  const Json begins = has(ct("state"), "new");
  out.push_back(rule(chain, {from_outside(), begins, not_for_the_kernel, is(meta("pkttype"), "unicast"),
                             log(ruleset, Cause::inbound)}));
  out.push_back(rule(chain, {from_outside(), begins, not_for_the_kernel, counter(), drop()}));
}

}  // namespace

void add_arrivals(Json& out, const Ruleset& ruleset) {
  out.push_back(base_chain(chain, "filter", "input", filter_priority, "accept"));
  add_answers_to_nameless(out, ruleset, chain);
  add_picked_up(out, ruleset);
  add_services(out, ruleset);
  add_inbound_guard(out, ruleset);
}

// Holds a container inside this one. The mark lets the refusal out: only this chain knows that it
// goes back to the packet's sender. User scope has no such chain: a forwarded packet may be any
// user's, and a user cannot have packets forwarded.
void add_forward(Json& out, const Ruleset& ruleset) {
  out.push_back(base_chain("forward", "filter", "forward", filter_priority, "drop"));
  out.push_back(rule("forward", {set_flow_mark(refused_forwarding(ruleset.gate_mark))}));
  out.push_back(rule("forward", {deny()}));
}

}  // namespace ostiary::nft
