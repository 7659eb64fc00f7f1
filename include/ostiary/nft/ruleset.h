// nft/ruleset.h: the egress rules as a value, and as libnftables' JSON.
// Pure. Every rule exists for IPv4 and IPv6. A packet that no rule accepts is counted, logged and refused at
// once; one with a forged source is dropped, since the refusal would carry it to the forged address.
// The rules do not meet packet sockets: CAP_NET_RAW must be out of the agent's reach.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "ostiary/inet/ip_address.h"
#include "ostiary/inet/routed_network.h"

namespace ostiary::nft {

// The table everything of ours lives in; nobody else's is touched.
inline constexpr const char* table_name = "ostiary";
inline constexpr const char* allow4_name = "allow4";
inline constexpr const char* allow6_name = "allow6";
inline constexpr const char* routes_name = "routes4";
inline constexpr const char* uplinks_name = "uplinks4";

namespace limits {
inline constexpr uint32_t admissions = 65536;  // addresses of one family admitted at a time
inline constexpr uint32_t logged_bytes = 128;  // of a denied packet: its headers
static_assert(logged_bytes >= 40 + 8 * 8 + 8, "an IPv6 header, some extensions and the ports fit");
// Where the rules hold one user, whose flows share the machine's table with all others:
inline constexpr uint32_t flows_of_user = 8192;  // at a time, without closed connections
inline constexpr uint32_t connections_of_user_a_second = 250;
inline constexpr uint32_t connections_of_user_at_once = 4096;
inline constexpr uint32_t seconds_of_a_closed_connection = 120;
inline constexpr uint32_t smallest_table = 65536;  // of a machine with a gigabyte of memory
static_assert(flows_of_user + connections_of_user_at_once +
                      connections_of_user_a_second * seconds_of_a_closed_connection <
                  smallest_table * 3 / 4,
              "other users keep a quarter of the table");
}  // namespace limits

// A network that may be reached without a name: what the policy writes as "10.1.2.0/24:5432/tcp".
struct AddressRule {
  inet::IpAddress network;    // bits behind the prefix count as zero
  uint8_t prefix_length = 0;  // up to 32 or 128
  uint8_t protocol = 0;       // IPPROTO_TCP, IPPROTO_UDP, …
  uint16_t first_port = 0;
  uint16_t last_port = 0;
  auto operator<=>(const AddressRule&) const = default;
};

// For which family the kernel knows connections. Without it there is neither redirect nor "established": the
// agent must ask the gate's own address, and answers to what came in from outside do not leave.
enum class Tracking : uint8_t { both_families, ipv4_only };
constexpr std::string_view text(Tracking tracking) {
  return tracking == Tracking::ipv4_only ? "IPv4" : "IPv4, IPv6";
}

// Whether the kernel can keep the agent's DNS questions apart from other flows with the same addresses and
// ports. Without that (CONFIG_NF_CONNTRACK_ZONES) a question of the agent's can stand in the way of the
// gate's.
enum class Zones : uint8_t { supported, unsupported };

struct Ruleset {
  uint32_t gate_mark = 0;  // worn by the gate's packets; not 0
  uint16_t gate_port = 0;  // the gate listens on 127.0.0.1 and ::1
  uint16_t log_group = 0;  // NFLOG
  uint32_t admissions = limits::admissions;
  Tracking tracking = Tracking::both_families;
  Zones zones = Zones::supported;
  uint32_t agent_user = 0;  // the agent's; 0 is root, who can be any user
  // The rules hold this user alone, who must not be root; nobody else is touched. Requires tracking of both
  // families. Nothing: they hold everybody but the gate.
  std::optional<uint32_t> only_user = {};
  // Addresses of this host where a resolver other than the gate listens: closed to the agent on every port.
  // Docker moves 127.0.0.11:53 to a random port of that address, where it would answer any process.
  std::vector<inet::IpAddress> closed_resolvers = {inet::IpAddress::v4({127, 0, 0, 11})};
  // Loopback addresses where the gate itself answers at port 53. Questions from such an address to itself,
  // and the answers, are neither redirected nor tracked.
  std::vector<inet::IpAddress> direct_dns = {};
  std::vector<AddressRule> addresses = {};
  // Networks of IPv4: a packet leaves through an interface by which its destination is routed. Without
  // overlaps for an interface. Nothing: through any.
  std::optional<std::vector<inet::RoutedNetwork>> routes = {};
  // Networks that may begin flows to ports of this host.
  std::vector<AddressRule> inbound = {};
};

// Marks flows that the agent may have begun while the rules were missing (nft/flows.h), and connections that
// the kernel first saw under way. In such a flow the rules check every packet.
constexpr uint32_t unverified(uint32_t gate_mark) {
  return ~gate_mark;
}

// The same permissions as rules that do not overlap, in a fixed order: the kernel's interval sets refuse
// overlaps.
std::vector<AddressRule> without_overlaps(std::vector<AddressRule> rules);

// An array of "add" commands that make the table's content. Requires the table to be there and empty, but for
// admissions that are kept.
nlohmann::json commands(const Ruleset& ruleset);
// Those of them that `direct_dns` alone makes. They only add rules.
nlohmann::json direct_dns_commands(const Ruleset& ruleset);
// Those that fill the sets of `routes`.
nlohmann::json route_commands(const Ruleset& ruleset);

}  // namespace ostiary::nft
