#include "ostiary/nft/ruleset.h"

#include <utility>

#include <netinet/in.h>

#include "expressions.h"
#include "misdirection.h"
#include "nameless.h"
#include "output.h"

namespace ostiary::nft {
namespace {

// Before Docker's NAT at -100: the agent's packets never reach its redirect of 127.0.0.11:53.
constexpr int nat_priority = -110;
// After other tables exempt packets from tracking, at -300, and before tracking, at -200.
constexpr int before_tracking = -250;
constexpr uint16_t question_zone = 53053;

Json key_type(Family family) {
  return {family == Family::ipv4 ? "ipv4_addr" : "ipv6_addr", "inet_proto", "inet_service"};
}
Json element(const AddressRule& address) {
  return {{"concat",
           {prefix(address.network, address.prefix_length), number(address.protocol), ports_of(address)}}};
}

void add_admissions(Json& out, const Ruleset& ruleset, const char* name, Family family) {
  out.push_back(add(
      "set",
      {{"name", name}, {"type", key_type(family)}, {"flags", {"timeout"}}, {"size", ruleset.admissions}}));
}

void add_addresses(Json& out, const std::vector<AddressRule>& addresses, Family family) {
  out.push_back(
      add("set", {{"name", net_name(family)}, {"type", key_type(family)}, {"flags", {"interval"}}}));
  Json elements = Json::array();
  for (const AddressRule& address : addresses)
    if (address.network.family() == family) elements.push_back(element(address));
  if (!elements.elements().empty())
    out.push_back(add("element", {{"name", net_name(family)}, {"elem", std::move(elements)}}));
}

void add_routes(Json& out, const Ruleset& ruleset) {
  if (!ruleset.routes) return;
  out.push_back(
      add("set", {{"name", routes_name}, {"type", {"iface_index", "ipv4_addr"}}, {"flags", {"interval"}}}));
  out.push_back(add("set", {{"name", uplinks_name}, {"type", "iface_index"}}));
  out.append(route_commands(ruleset));
}

// Counts, logs and refuses. A refused caller gets the error in microseconds. After a drop it would
// wait for minutes.
void add_denied(Json& out, const Ruleset& ruleset) {
  out.push_back(add("chain", {{"name", "denied"}}));
  out.push_back(rule("denied", {counter(), log(ruleset, Cause::no_rule)}));
  out.push_back(rule("denied", {{{"reject", {{"type", "tcp reset"}}}}}));
  out.push_back(rule("denied", {{{"reject", {{"type", "icmpx"}, {"expr", "admin-prohibited"}}}}}));
}

// A question to the gate's own port 53, and its answer, need neither tracking nor redirect. The
// source must be the gate's address too: an answer to a forged source would leave this host.
void add_untrack(Json& out, const char* chain) {
  out.push_back(add("chain", {{"name", untrack_chain}}));
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const std::string gate = inet::IpAddress::loopback(family).text();
    out.push_back(rule(chain, {is(field(ip(family), "saddr"), gate), is(field(ip(family), "daddr"), gate),
                               jump(untrack_chain)}));
  }
}

// Before connection tracking, which then keeps these flows apart: the redirect of an agent's
// question never applies to a packet of the gate, or of another user, from the same port to the
// same server.
void add_questions(Json& out, const Ruleset& ruleset) {
  constexpr const char* chain = "questions";
  out.push_back(base_chain(chain, "filter", "output", before_tracking, "accept"));
  if (ruleset.holds_everybody()) add_untrack(out, chain);
  if (ruleset.zones == Zones::unsupported) return;
  const Json own_zone{
      {"mangle", {{"key", {{"ct", {{"key", "zone"}, {"dir", "original"}}}}}, {"value", question_zone}}}};
  // A zone would make the kernel track packets that another table exempts. boot/tracking_probe.h
  // would then conclude that the kernel tracks all others as well.
  out.push_back(rule(chain, {has(ct("state"), "untracked"), accept()}));
  if (ruleset.holds_everybody()) {
    out.push_back(
        rule(chain, {is_not(meta("mark"), ruleset.gate_mark), tcp_or_udp(), to_port(dns_port), own_zone}));
    return;
  }
  out.push_back(rule(chain, {is_user(*ruleset.only_user), to_port(dns_port), own_zone}));
}

void add_nat(Json& out, const Ruleset& ruleset) {
  out.push_back(base_chain("nat", "nat", "output", nat_priority, "accept"));
  if (ruleset.holds_everybody()) out.push_back(rule("nat", {is(meta("mark"), ruleset.gate_mark), accept()}));
  if (ruleset.tracking == Tracking::ipv4_only)
    out.push_back(rule("nat", {is_not(meta("nfproto"), "ipv4"), accept()}));
  Json statements = Json::array();
  if (ruleset.only_user) statements.push_back(is_user(*ruleset.only_user));
  statements.append(
      Json::array({tcp_or_udp(), to_port(dns_port), {{"redirect", {{"port", ruleset.gate_port}}}}}));
  out.push_back(rule_of("nat", std::move(statements)));
}

}  // namespace

Json commands(const Ruleset& ruleset) {
  Json out = Json::array();
  const auto addresses = without_overlaps(ruleset.addresses);
  // Admissions come first, as they do if they are kept and the rest is replaced: equal rules then
  // have equal listings.
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    add_admissions(out, ruleset, allow_name(family), family);
    if (ruleset.name_queue) add_admissions(out, ruleset, named_name(family), family);
  }
  for (const Family family : {Family::ipv4, Family::ipv6}) add_addresses(out, addresses, family);
  add_nameless_sets(out, ruleset);
  add_routes(out, ruleset);
  add_denied(out, ruleset);
  add_misdirection(out, ruleset);
  add_invert(out);
  add_nameless_chains(out, ruleset);
  add_questions(out, ruleset);
  if (ruleset.only_user)
    add_output_of_user(out, ruleset, *ruleset.only_user);
  else
    add_output(out, ruleset);
  add_reroute(out, ruleset);
  add_nat(out, ruleset);
  if (ruleset.holds_everybody()) {
    add_forged_arrival(out);
    add_arrivals(out, ruleset);
    add_forward(out, ruleset);
  }
  add_wire(out, ruleset);
  out.append(direct_dns_commands(ruleset));
  return out;
}

Json direct_dns_commands(const Ruleset& ruleset) {
  Json out = Json::array();
  if (ruleset.direct_dns.empty()) return out;
  for (const char* port : {"dport", "sport"})
    out.push_back(rule(untrack_chain, {is(field("udp", port), dns_port), {{"notrack", nullptr}}, accept()}));
  for (const inet::IpAddress& gate : ruleset.direct_dns)
    out.push_back(rule(direct_chain, {is(field(ip(gate.family()), "saddr"), gate.text()),
                                      is(field(ip(gate.family()), "daddr"), gate.text()), accept()}));
  return out;
}

// Interfaces with a default route are in a set of their own, which is faster to search.
Json route_commands(const Ruleset& ruleset) {
  Json uplinks = Json::array();
  Json networks = Json::array();
  for (const inet::RoutedNetwork& each : *ruleset.routes) {
    if (each.network.length() == 0)
      uplinks.push_back(each.interface);
    else
      networks.push_back(
          {{"concat", {each.interface, prefix(each.network.network(), each.network.length())}}});
  }
  Json out = Json::array();
  if (!uplinks.elements().empty())
    out.push_back(add("element", {{"name", uplinks_name}, {"elem", std::move(uplinks)}}));
  if (!networks.elements().empty())
    out.push_back(add("element", {{"name", routes_name}, {"elem", std::move(networks)}}));
  return out;
}

}  // namespace ostiary::nft
