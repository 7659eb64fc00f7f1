#include "expressions.h"

#include <string_view>
#include <utility>

namespace ostiary::nft {

std::string number(unsigned value) {
  return std::to_string(value);
}

Json match(Json left, const char* op, Json right) {
  return {{"match", {{"op", op}, {"left", std::move(left)}, {"right", std::move(right)}}}};
}

Json is(Json left, Json right) {
  return match(std::move(left), "==", std::move(right));
}

Json is_not(Json left, Json right) {
  return match(std::move(left), "!=", std::move(right));
}

Json has(Json left, Json right) {
  return match(std::move(left), "in", std::move(right));
}

Json any_of(Parts values) {
  return {{"set", Json::array(values)}};
}

Json meta(const char* key) {
  return {{"meta", {{"key", key}}}};
}

Json ct(const char* key) {
  return {{"ct", {{"key", key}}}};
}

Json field(const char* protocol, const char* name) {
  return {{"payload", {{"protocol", protocol}, {"field", name}}}};
}

Json prefix(const inet::IpAddress& network, unsigned length) {
  if (length == network.octets().size() * 8) return network.text();
  return {{"prefix", {{"addr", network.text()}, {"len", length}}}};
}

const char* ip(Family family) {
  return family == Family::ipv4 ? "ip" : "ip6";
}

Json set_flow_mark(uint32_t value) {
  return {{"mangle", {{"key", ct("mark")}, {"value", value}}}};
}

Json flow_is_marked(uint32_t value) {
  return is(ct("mark"), value);
}

Json is_user(uint32_t uid) {
  return is(meta("skuid"), uid);
}

Json tcp_flags_of(unsigned mask) {
  return {{"&", {field("tcp", "flags"), mask}}};
}

Json has_any_tcp_flag(unsigned mask) {
  return is_not(tcp_flags_of(mask), 0);
}

Json tcp_flags(unsigned mask, unsigned set) {
  return is(tcp_flags_of(mask), set);
}

Json accept() {
  return {{"accept", nullptr}};
}

Json drop() {
  return {{"drop", nullptr}};
}

Json counter() {
  return {{"counter", nullptr}};
}

Json log(const Ruleset& ruleset, Cause cause) {
  Json options{{"group", ruleset.log_group}, {"snaplen", limits::logged_bytes}};
  if (cause != Cause::no_rule) options["prefix"] = text(cause);
  return {{"log", std::move(options)}};
}

Json go(const char* chain) {
  return {{"goto", {{"target", chain}}}};
}

Json jump(const char* chain) {
  return {{"jump", {{"target", chain}}}};
}

Json deny() {
  return go("denied");
}

Json fib(const char* result, Parts flags) {
  return {{"fib", {{"result", result}, {"flags", Json::array(flags)}}}};
}

Json local_destination() {
  return is(fib("type", {"daddr"}), "local");
}

Json has_routing_header() {
  return is({{"exthdr", {{"name", "rt"}}}}, true);
}

Json has_ip_options() {
  constexpr unsigned words_without_options = 5;
  return is_not(field("ip", "hdrlength"), words_without_options);
}

Json set_ip_id(unsigned value) {
  return {{"mangle", {{"key", field("ip", "id")}, {"value", value}}}};
}

Json raw_transport(unsigned offset, size_t octets) {
  return {{"payload", {{"base", "th"}, {"offset", offset * 8}, {"len", octets * 8}}}};
}

Json loopback_network() {
  return prefix(inet::IpAddress::v4({127, 0, 0, 0}), 8);
}

Json protocol(unsigned value) {
  return is(meta("l4proto"), number(value));
}

Json is_icmp() {
  return is(meta("l4proto"), any_of({number(IPPROTO_ICMP), number(IPPROTO_ICMPV6)}));
}

Json is_family(Family family) {
  return is(meta("nfproto"), family == Family::ipv4 ? "ipv4" : "ipv6");
}

Json in_network(const AddressRule& network, const char* side) {
  const Family family = network.network.family();
  if (network.prefix_length == 0) return is_family(family);
  return is(field(ip(family), side), prefix(network.network, network.prefix_length));
}

Json ports_of(const AddressRule& ports) {
  if (ports.first_port == ports.last_port) return ports.first_port;
  return {{"range", {ports.first_port, ports.last_port}}};
}

std::vector<Json> length_beside_headers(const char* relation) {
  constexpr unsigned header4 = 20, octets_in_word = 4;
  constexpr unsigned shortest = 5, longest = 15;  // headers of TCP, in words
  // For these the length alone says as much.
  const unsigned certain = std::string_view(relation) == "==" ? shortest : longest;
  std::vector<Json> all;
  for (unsigned words = shortest; words <= longest; ++words)
    for (const Family family : {Family::ipv4, Family::ipv6}) {
      const unsigned octets = words * octets_in_word + (family == Family::ipv4 ? header4 : 0);
      Json& matches = all.emplace_back(Json::array({match(field(ip(family), "length"), relation, octets)}));
      if (words != certain) matches.push_back(is(field("tcp", "doff"), words));
    }
  return all;
}

Json tcp_or_udp() {
  return is(meta("l4proto"), any_of({number(IPPROTO_TCP), number(IPPROTO_UDP)}));
}

Json to_port(uint16_t port) {
  return is(field("th", "dport"), port);
}

Json add(const char* kind, Json object) {
  object["family"] = "inet";
  if (std::string_view(kind) == "table")
    object["name"] = table_name;
  else
    object["table"] = table_name;
  return {{"add", {{kind, std::move(object)}}}};
}

Json rule_of(const char* chain, Json statements) {
  return add("rule", {{"chain", chain}, {"expr", std::move(statements)}});
}

Json rule(const char* chain, Parts statements) {
  return rule_of(chain, Json::array(statements));
}

Json base_chain(const char* name, const char* type, const char* hook, int priority, const char* policy) {
  return add("chain",
             {{"name", name}, {"type", type}, {"hook", hook}, {"prio", priority}, {"policy", policy}});
}

Json key_of_packet(Family family) {
  return {{"concat", {field(ip(family), "daddr"), meta("l4proto"), field("th", "dport")}}};
}

const char* allow_name(Family family) {
  return family == Family::ipv4 ? allow4_name : allow6_name;
}

const char* named_name(Family family) {
  return family == Family::ipv4 ? named4_name : named6_name;
}

const char* net_name(Family family) {
  return family == Family::ipv4 ? "net4" : "net6";
}

}  // namespace ostiary::nft
