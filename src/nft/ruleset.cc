#include "ostiary/nft/ruleset.h"

#include <utility>

#include <netinet/in.h>
#include <nlohmann/json.hpp>

#include "expressions.h"
#include "output.h"

namespace ostiary::nft {
namespace {

// In front of Docker's NAT at -100: its redirection of 127.0.0.11:53 is then never reached by the agent.
constexpr int nat_priority = -110;

Json key_type(Family family) {
  return {family == Family::ipv4 ? "ipv4_addr" : "ipv6_addr", "inet_proto", "inet_service"};
}
Json element(const AddressRule& address) {
  Json ports = address.first_port;
  if (address.first_port != address.last_port) ports = {{"range", {address.first_port, address.last_port}}};
  return {{"concat", {prefix(address.network, address.prefix_length), number(address.protocol), ports}}};
}

void add_admissions(Json& out, const Ruleset& ruleset, Family family) {
  out.push_back(add("set", {{"name", allow_name(family)},
                            {"type", key_type(family)},
                            {"flags", {"timeout"}},
                            {"size", ruleset.admissions}}));
}

void add_addresses(Json& out, const std::vector<AddressRule>& addresses, Family family) {
  out.push_back(
      add("set", {{"name", net_name(family)}, {"type", key_type(family)}, {"flags", {"interval"}}}));
  Json elements = Json::array();
  for (const AddressRule& address : addresses)
    if (address.network.family() == family) elements.push_back(element(address));
  if (!elements.empty())
    out.push_back(add("element", {{"name", net_name(family)}, {"elem", std::move(elements)}}));
}

// Counted, logged, refused. A caller learns it in microseconds; a dropped packet would cost it minutes.
void add_denied(Json& out, const Ruleset& ruleset) {
  out.push_back(add("chain", {{"name", "denied"}}));
  out.push_back(
      rule("denied", {{{"counter", nullptr}},
                      {{"log", {{"group", ruleset.log_group}, {"snaplen", limits::logged_bytes}}}}}));
  out.push_back(
      rule("denied", {is(meta("l4proto"), number(IPPROTO_TCP)), {{"reject", {{"type", "tcp reset"}}}}}));
  out.push_back(rule("denied", {{{"reject", {{"type", "icmpx"}, {"expr", "admin-prohibited"}}}}}));
}

// Redirection aims a socket that is bound to an interface at 127.0.0.1 through that interface, after the
// output hook has judged it. Such a packet reaches nobody but a neighbour who listens; it does not reach that
// one either.
void add_wire(Json& out, const Ruleset& ruleset) {
  out.push_back(base_chain("wire", "filter", "postrouting", filter_priority, "accept"));
  for (const char* loopback : {"127.0.0.0/8", "::1"}) {
    const bool v4 = loopback[0] == '1';
    const Json target = v4 ? prefix(inet::IpAddress::v4({127, 0, 0, 0}), 8) : Json(loopback);
    Json statements{is_not(meta("oifname"), "lo"), is(field(v4 ? "ip" : "ip6", "daddr"), target)};
    if (ruleset.only_user) statements.push_back(is_user(*ruleset.only_user));
    statements.push_back({{"counter", nullptr}});
    statements.push_back({{"drop", nullptr}});
    out.push_back(rule("wire", std::move(statements)));
  }
}

void add_nat(Json& out, const Ruleset& ruleset) {
  out.push_back(base_chain("nat", "nat", "output", nat_priority, "accept"));
  out.push_back(rule("nat", {is(meta("mark"), ruleset.gate_mark), accept()}));
  if (ruleset.tracking == Tracking::ipv4_only)
    out.push_back(rule("nat", {is_not(meta("nfproto"), "ipv4"), accept()}));
  Json statements{tcp_or_udp(), to_port(dns_port), {{"redirect", {{"port", ruleset.gate_port}}}}};
  if (ruleset.only_user) statements.insert(statements.begin(), is_user(*ruleset.only_user));
  out.push_back(rule("nat", std::move(statements)));
}

// What is forwarded comes from a container inside this one; beside others it may be anybody's, and a user has
// no means to have packets of its own forwarded.
void add_forward(Json& out) {
  out.push_back(base_chain("forward", "filter", "forward", filter_priority, "drop"));
  out.push_back(rule("forward", {deny()}));
}

}  // namespace

nlohmann::json commands(const Ruleset& ruleset) {
  Json out = Json::array();
  const auto addresses = without_overlaps(ruleset.addresses);
  // Admissions come first, as they do where they are kept and the rest is made anew: listings are then alike.
  for (const Family family : {Family::ipv4, Family::ipv6}) add_admissions(out, ruleset, family);
  for (const Family family : {Family::ipv4, Family::ipv6}) add_addresses(out, addresses, family);
  add_denied(out, ruleset);
  if (ruleset.only_user)
    add_output_of_user(out, ruleset, *ruleset.only_user);
  else
    add_output(out, ruleset);
  add_nat(out, ruleset);
  if (!ruleset.only_user) add_forward(out);
  add_wire(out, ruleset);
  return out;
}

}  // namespace ostiary::nft
