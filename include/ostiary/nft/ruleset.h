// nft/ruleset.h: the egress rules as a value, and as libnftables' JSON.
// Pure. Every rule exists for IPv4 and IPv6; what no rule accepts is counted, logged and refused at once.
// Not the rules' matter: packet sockets, which no rule of this table meets (CAP_NET_RAW must be out of the
// agent's reach), and what comes in: an answer to it belongs to an established flow and leaves.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "ostiary/inet/ip_address.h"

namespace ostiary::nft {

// The table everything of ours lives in; nobody else's is touched.
inline constexpr const char* table_name = "ostiary";
inline constexpr const char* allow4_name = "allow4";
inline constexpr const char* allow6_name = "allow6";

namespace limits {
inline constexpr uint32_t admissions = 65536;  // addresses of one family admitted at a time
inline constexpr uint32_t logged_bytes = 128;  // of a denied packet: its headers
static_assert(logged_bytes >= 40 + 8 * 8 + 8, "an IPv6 header, some extensions and the ports fit");
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

struct Ruleset {
  uint32_t gate_mark = 0;  // worn by the gate's packets; not 0
  uint16_t gate_port = 0;  // the gate listens on 127.0.0.1 and ::1
  uint16_t log_group = 0;  // NFLOG
  uint32_t admissions = limits::admissions;
  Tracking tracking = Tracking::both_families;
  // The rules hold this user alone, who must not be root; nobody else is touched. Requires tracking of both
  // families. Nothing: they hold everybody but the gate.
  std::optional<uint32_t> only_user = {};
  // Addresses of this host where a resolver other than the gate listens: closed to the agent on every port.
  // Docker moves 127.0.0.11:53 to a random port of that address, where it would answer whoever finds it.
  std::vector<inet::IpAddress> closed_resolvers = {inet::IpAddress::v4({127, 0, 0, 11})};
  std::vector<AddressRule> addresses = {};
  // Networks whose TCP connections to ports of this host are answered, tracked or not. The ports are the
  // answers' source.
  std::vector<AddressRule> inbound = {};
};

// Marks of flows that the agent may have begun while the rules were undone; no gate wears them. Of a doubted
// one, see nft/flows.h, what goes the way it began is judged packet by packet; of one taken up in its midst,
// everything: that its first packet came from outside says nothing of who began it.
constexpr uint32_t doubted(uint32_t gate_mark) {
  return ~gate_mark;
}
constexpr uint32_t taken_up(uint32_t gate_mark) {
  return ~gate_mark ^ 1U;
}

// The same permissions as rules that do not overlap, in a fixed order: the kernel's interval sets refuse
// overlaps.
std::vector<AddressRule> without_overlaps(std::vector<AddressRule> rules);

// An array of "add" commands that make the table's content. Requires the table to be there and empty, but for
// admissions that are kept.
nlohmann::json commands(const Ruleset& ruleset);

}  // namespace ostiary::nft
