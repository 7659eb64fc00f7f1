// Packets that come in from outside. The agent's answer to a stranger would be a way out, so a stranger
// begins nothing here.
#include <utility>

#include "expressions.h"
#include "misdirection.h"
#include "output.h"

namespace ostiary::nft {
namespace {

constexpr const char* chain = "input";

Json from_outside() {
  return is_not(meta("iifname"), "lo");
}

// A connection begins with SYN alone. One that the kernel first sees later was under way: nothing tells which
// side began it.
void add_under_way(Json& out, const Ruleset& ruleset) {
  out.push_back(rule(chain, {has(ct("state"), "new"), is_not(tcp_flags_of(syn | rst | ack), syn),
                             set_flow_mark(unverified(ruleset.gate_mark)), accept()}));
}

void add_services(Json& out, const Ruleset& ruleset) {
  for (const AddressRule& each : ruleset.inbound)
    out.push_back(rule(chain, {in_network(each, "saddr"), protocol(each.protocol),
                               is(field("th", "dport"), ports_of(each)), accept()}));
}

// ICMP and IGMP are the kernel's to answer. What is sent to many is noise, and not logged.
void add_strangers(Json& out, const Ruleset& ruleset) {
  const Json not_the_kernels =
      is_not(meta("l4proto"), any_of({number(IPPROTO_ICMP), number(IPPROTO_ICMPV6), number(IPPROTO_IGMP)}));
  const Json begins = has(ct("state"), "new");
  out.push_back(rule(chain, {from_outside(), begins, not_the_kernels, is(meta("pkttype"), "unicast"),
                             log(ruleset, Cause::inbound)}));
  out.push_back(rule(chain, {from_outside(), begins, not_the_kernels, counter(), drop()}));
}

}  // namespace

void add_arrivals(Json& out, const Ruleset& ruleset) {
  out.push_back(base_chain(chain, "filter", "input", filter_priority, "accept"));
  add_under_way(out, ruleset);
  add_services(out, ruleset);
  add_strangers(out, ruleset);
}

// A container inside this one is held as well. The refusal is marked, since only here it is known that it
// goes back to where the packet came from. Beside other users a forwarded packet may be anybody's, and a user
// cannot have packets forwarded.
void add_forward(Json& out, const Ruleset& ruleset) {
  out.push_back(base_chain("forward", "filter", "forward", filter_priority, "drop"));
  out.push_back(rule("forward", {set_flow_mark(answered(ruleset.gate_mark))}));
  out.push_back(rule("forward", {deny()}));
}

}  // namespace ostiary::nft
