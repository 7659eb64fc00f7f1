// nft/expressions.h: the parts that rules are made of, as libnftables' JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <netinet/in.h>

#include "ostiary/base/json.h"
#include "ostiary/inet/ip_address.h"
#include "ostiary/nft/cause.h"
#include "ostiary/nft/ruleset.h"

namespace ostiary::nft {

using inet::Family;
using Parts = std::initializer_list<Json::Part>;

// Protocols are written as numbers: names need /etc/protocols, which a small image lacks.
std::string number(unsigned value);

Json match(Json left, const char* op, Json right);
Json is(Json left, Json right);
Json is_not(Json left, Json right);
Json has(Json left, Json right);
Json any_of(Parts values);

Json meta(const char* key);
Json ct(const char* key);
Json field(const char* protocol, const char* name);
Json prefix(const inet::IpAddress& network, unsigned length);
const char* ip(Family family);

Json set_flow_mark(uint32_t value);
Json flow_is_marked(uint32_t value);
Json is_user(uint32_t uid);
inline constexpr unsigned fin = 0x01;
inline constexpr unsigned syn = 0x02;
inline constexpr unsigned rst = 0x04;
inline constexpr unsigned ack = 0x10;
inline constexpr unsigned urg = 0x20;

Json tcp_flags_of(unsigned mask);
Json has_any_tcp_flag(unsigned mask);
// Of the flags in `mask`, exactly those in `set` are set.
Json tcp_flags(unsigned mask, unsigned set);

Json accept();
Json drop();
Json counter();
// The audit reads the cause from the prefix.
Json log(const Ruleset& ruleset, Cause cause);
Json go(const char* chain);
Json jump(const char* chain);
Json deny();

Json fib(const char* result, Parts flags);
Json local_destination();
Json has_routing_header();
Json has_ip_options();
Json set_ip_id(unsigned value);
// `octets` octets, `offset` octets after the start of the transport header.
Json raw_transport(unsigned offset, size_t octets);
Json loopback_network();
Json protocol(unsigned value);
constexpr unsigned icmp_of(Family family) {
  return family == Family::ipv4 ? unsigned{IPPROTO_ICMP} : unsigned{IPPROTO_ICMPV6};
}
Json is_icmp();
Json is_family(Family family);
Json in_network(const AddressRule& network, const char* side);
Json ports_of(const AddressRule& ports);
// Matches for packets of TCP that are as long as their headers ("=="), or longer (">"). IP options and extension headers
// count as data.
std::vector<Json> length_beside_headers(const char* relation);
Json tcp_or_udp();
Json to_port(uint16_t port);

Json add(const char* kind, Json object);
Json rule(const char* chain, Parts statements);
Json rule_of(const char* chain, Json statements);  // an array of them
Json base_chain(const char* name, const char* type, const char* hook, int priority, const char* policy);

Json key_of_packet(Family family);
const char* allow_name(Family family);
const char* named_name(Family family);
const char* net_name(Family family);

}  // namespace ostiary::nft
