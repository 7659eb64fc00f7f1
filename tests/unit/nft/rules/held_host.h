// nft/rules/held_host.h: a host under the rules, in a network where each packet is the test's own.
//   host.sends(agent, packet)   "leaves", "stays", "to the gate", "denied", "forged", "stray", "crowd", …
//   host.gets(packet)           "accepted", "inbound", "forged", "dropped", …
// A word stands for all that happened: "denied" says that the packet was logged, its sender got a refusal,
// and nothing left. "dropped": nothing happened at all. What has no word is written out. The host itself
// resets no connection and reports no closed port, as if a socket were there for each; what the rules refuse,
// it refuses.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/hosts.h"
#include "nft/rules/every_rule.h"
#include "nft/rules/network.h"
#include "nft/rules/packet.h"
#include "ostiary/nft/denied_log.h"

namespace ostiary::test::rules {

struct Sender {
  uint32_t user = 0;
  uint32_t mark = 0;
  const char* device = nullptr;               // that its socket is bound to
  std::optional<inet::IpAddress> route = {};  // to send to, though the packet says otherwise
};
inline const Sender agent{.user = the_agent};
inline const Sender root{.user = 0};
inline const Sender other_user{.user = 1001};
inline const Sender the_gate{.user = 65533, .mark = the_gates_mark};

inline Sender on(const char* device, Sender sender = agent) {
  sender.device = device;
  return sender;
}
inline Sender routed_to(const char* address, Sender sender = agent) {
  sender.route = *inet::IpAddress::parse(address);
  return sender;
}

// Addresses of one family, by what they are to the host.
struct Places {
  const char* own;
  const char* loopback;
  const char* other_loopback;  // local as well
  const char* allowed;         // of an allowed network, at service_port over TCP
  const char* client;          // of --allow-inbound, at service_port
  const char* stranger;
  const char* admitted;           // only what the test admits
  const char* container;          // inside, behind `inner`
  const char* towards_container;  // the host's address there
};
inline constexpr Places places4{"203.0.113.1",  "127.0.0.1",    "127.0.0.2", "192.0.2.9", "192.0.2.241",
                                "198.51.100.1", "198.51.100.2", "10.9.0.2",  "10.9.0.1"};
inline constexpr Places places6{"2001:db8:5::1",   "::1",           "2001:db8:5::2", "2001:db8:98::9",
                                "2001:db8:240::1", "2001:db8:1::1", "2001:db8:1::2", "fd09::2",
                                "fd09::1"};
inline constexpr Places both_families[] = {places4, places6};

// Has the kernel route packets from loopback addresses through the wire, as kube-proxy and Docker do.
inline constexpr const char* routes_loopback_addresses =
    "echo 1 > /proc/sys/net/ipv4/conf/wire/route_localnet";
// Another table gives what leaves by the wire an address of this host's as its source.
inline constexpr const char* masquerades =
    "nft 'table inet mine { chain c { type nat hook postrouting priority srcnat\n"
    "oifname \"wire\" masquerade\n } \n }'";

// Has the kernel track nothing that this host sends.
inline constexpr const char* exempts_from_tracking =
    "nft 'table inet exempts { chain c { type filter hook output priority raw\n notrack\n } \n }'";

// A port that no flow has used yet.
inline uint16_t fresh_port() {
  static uint16_t last = 1024;
  return ++last;
}

class HeldHost {
 public:
  explicit HeldHost(const nft::Ruleset& ruleset);
  ~HeldHost();

  std::string sends(const Sender& sender, const Packet& packet);
  // How many of them the kernel sent.
  size_t sends_all(const Sender& sender, const std::vector<Packet>& packets);
  std::string gets(const Packet& packet, const char* by = wire);
  // What came by the wire for many: with a multicast address of the link layer.
  std::string gets_as_one_of_many(const Packet& packet, const char* by = wire);
  // What happens when something else is done, such as closing a socket.
  std::string sees();

  // The packets that the last word tells of.
  const Seen& seen() const { return seen_; }

  // A connection that the other side has accepted: its packets.
  Packet connected(const Sender& sender, const Packet& syn);

  // A shell command on the host, such as another table's rules.
  void runs(const std::string& command);
  // As the keeper does when the gate has port 53 itself; when another process has changed the rules; and with
  // flows that are older than the rules.
  void opens_direct_dns(const nft::Ruleset& ruleset);
  void apply_again(const nft::Ruleset& ruleset);
  void settles(const nft::Ruleset& ruleset);
  void admit(const char* address, uint8_t protocol, uint16_t port);
  // What the kernel knows of the flow: a line of /proc/net/nf_conntrack, or nothing.
  std::string flow(const Packet& packet) const;

  const Host& inside() const { return network_.inside(); }

 private:
  void look();
  std::string what_happened(const std::optional<Packet>& packet) const;

  Network& network_;
  std::optional<nft::DeniedLog> log_;
  Seen seen_;
  std::vector<std::string> causes_;
};

}  // namespace ostiary::test::rules
