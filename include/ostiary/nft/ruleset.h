// nft/ruleset.h: the egress rules as a value, and as libnftables' JSON. Pure.
// - Every rule exists for IPv4 and IPv6.
// - A packet that no rule accepts is counted, logged and refused at once. A packet with a forged
//   source is dropped instead: a refusal would carry it to the forged address.
// - Packet sockets bypass the rules. CAP_NET_RAW must be out of the agent's reach.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "ostiary/base/json.h"
#include "ostiary/inet/ip_address.h"
#include "ostiary/inet/routed_network.h"

namespace ostiary::nft {

// The table that holds all rules. ostiary makes one other, for the self-test: nft/egress_counter.h.
inline constexpr const char* table_name = "ostiary";
inline constexpr const char* allow4_name = "allow4";
inline constexpr const char* allow6_name = "allow6";
inline constexpr const char* named4_name = "named4";
inline constexpr const char* named6_name = "named6";
inline constexpr const char* begun6_name = "begun6";
inline constexpr const char* nameless6_name = "nameless6";
inline constexpr const char* requests6_name = "requests6";
inline constexpr const char* opened6_name = "opened6";
inline constexpr const char* routes_name = "routes4";
inline constexpr const char* uplinks_name = "uplinks4";

namespace limits {
inline constexpr uint32_t admissions = 65536;  // at a time, of each family
// Flows over IPv6, if it is not tracked. Each stays in its set for that time.
inline constexpr uint32_t nameless_flows = 65536;
inline constexpr uint32_t opened_flows = 262144;
inline constexpr uint32_t seconds_of_a_nameless_flow = 400;
inline constexpr uint32_t seconds_of_an_opened_flow = 3600;  // since its last packet
inline constexpr uint32_t logged_bytes = 128;                // of a denied packet: its headers
static_assert(logged_bytes >= 40 + 8 * 8 + 8, "an IPv6 header, some extensions and the ports fit");
// In user scope, in which the user's flows share the machine's table with those of all others:
inline constexpr uint32_t flows_of_user = 8192;  // at a time, without closed connections
inline constexpr uint32_t connections_of_user_a_second = 250;
inline constexpr uint32_t connections_of_user_at_once = 4096;
inline constexpr uint32_t seconds_of_a_closed_connection = 120;
inline constexpr uint32_t smallest_table = 65536;  // on a machine with 1 GB of memory
static_assert(flows_of_user + connections_of_user_at_once +
                      connections_of_user_a_second * seconds_of_a_closed_connection <
                  smallest_table * 3 / 4,
              "other users keep a quarter of the table");
}  // namespace limits

// A network that the agent may reach without a name: "10.1.2.0/24:5432/tcp" in the policy.
struct AddressRule {
  inet::IpAddress network;    // bits after the prefix count as zero
  uint8_t prefix_length = 0;  // up to 32 or 128
  uint8_t protocol = 0;       // IPPROTO_TCP, IPPROTO_UDP, …
  uint16_t first_port = 0;
  uint16_t last_port = 0;
  auto operator<=>(const AddressRule&) const = default;
};

// The families whose connections the kernel tracks. Without tracking there is neither redirect nor
// "established": the agent must ask the gate's own address, and a service answers hosts outside
// only from a TCP port of `inbound`.
enum class Tracking : uint8_t { both_families, ipv4_only };
constexpr std::string_view text(Tracking tracking) {
  return tracking == Tracking::ipv4_only ? "IPv4" : "IPv4, IPv6";
}

// Whether the kernel can track the agent's DNS questions apart from other flows with the same
// addresses and ports (CONFIG_NF_CONNTRACK_ZONES). Without that, a question of the agent can block
// a question of the gate.
enum class Zones : uint8_t { supported, unsupported };

struct Ruleset {
  uint32_t gate_mark = 0;  // on the gate's packets; not 0
  uint16_t gate_port = 0;  // the gate listens on 127.0.0.1 and ::1
  uint16_t log_group = 0;  // of NFLOG
  uint32_t admissions = limits::admissions;
  // NFQUEUE's number, in which the first packets of flows to the sets `named4` and `named6` wait for the gate.
  // nullopt: no rule of the policy asks for a name, and there are no such sets.
  std::optional<uint16_t> name_queue = {};
  // A port of loopback, treated as if it were in those sets.
  uint16_t self_test_port = 0;
  Tracking tracking = Tracking::both_families;
  Zones zones = Zones::supported;
  std::vector<uint16_t> relay_ports = {};  // at which the relay listens on 127.0.0.1
  uint32_t agent_user = 0;                 // 0 is root, which can become any user
  // User scope: the rules hold this user, who must not be root, and no other. Requires tracking of
  // both families. nullopt is container scope: the rules hold every process but the gate.
  std::optional<uint32_t> only_user = {};
  // Addresses of this host at which a resolver other than the gate listens. They are closed to the
  // agent on every port: Docker redirects 127.0.0.11:53 to a random port of that address, which
  // would answer any process.
  std::vector<inet::IpAddress> closed_resolvers = {inet::IpAddress::v4({127, 0, 0, 11})};
  // Loopback addresses at which the gate itself answers on port 53. Questions from such an address
  // to itself, and their answers, are neither redirected nor tracked.
  std::vector<inet::IpAddress> direct_dns = {};
  std::vector<AddressRule> addresses = {};
  // IPv4 networks by interface: a packet leaves only through an interface by which its destination
  // is routed. The networks of one interface must not overlap. nullopt: a packet may leave through
  // any interface.
  std::optional<std::vector<inet::RoutedNetwork>> routes = {};
  // Networks outside that may begin flows to ports of this host.
  std::vector<AddressRule> inbound = {};

  // Every process but the gate. Then each flow and packet may be the agent's.
  bool holds_everybody() const { return !only_user; }
};

// Rules that permit the same without overlaps, in a fixed order: the kernel's interval sets reject
// overlaps.
std::vector<AddressRule> without_overlaps(std::vector<AddressRule> rules);

// An array of "add" commands that create the table's content. Requires that the table exists and is
// empty, except for admissions that are kept.
Json commands(const Ruleset& ruleset);
// The part of commands() that `direct_dns` causes. It only adds rules.
Json direct_dns_commands(const Ruleset& ruleset);
// The part of commands() that fills the sets of `routes`, which must not be nullopt.
Json route_commands(const Ruleset& ruleset);

}  // namespace ostiary::nft
