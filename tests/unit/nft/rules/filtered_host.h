// nft/rules/filtered_host.h: a host with the rules, in a network where only the test sends packets.
//   host.sends(agent, packet)   "leaves", "stays", "to the gate", "waits", "denied", "forged", …
//   host.gets(packet)           "accepted", "inbound", "forged", "dropped", …
// A word describes everything that happened. "denied": the packet was logged, its sender got a
// refusal, and nothing left. "dropped": nothing happened. "waits": the packet is in
// the queue of the gate, which reads names. Other results are written out. The host
// sends no RST and no port unreachable, as if every port had a socket; it sends only the refusals
// of the rules.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "net/hosts.h"
#include "nft/rules/every_rule.h"
#include "nft/rules/network.h"
#include "nft/rules/packet.h"
#include "ostiary/nft/admissions.h"
#include "ostiary/nft/denied_log.h"
#include "ostiary/nft/flow_queue.h"

namespace ostiary::test::rules {

struct Sender {
  uint32_t user = 0;
  uint32_t mark = 0;
  const char* device = nullptr;               // its socket is bound to this device
  std::optional<inet::IpAddress> route = {};  // sends to this address, although the packet has another one
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

// The addresses of one family, by their roles.
struct Addresses {
  const char* own;
  const char* loopback;
  const char* other_loopback;  // local too
  const char* allowed;         // in an allowed network, at service_port over TCP
  const char* client;          // of --allow-inbound, at service_port
  const char* unlisted;
  const char* admitted;           // admitted only by the test
  const char* container;          // a container inside, behind `inner`
  const char* towards_container;  // the host's address on `inner`
};
inline constexpr Addresses addresses4{"203.0.113.1",  "127.0.0.1",    "127.0.0.2", "192.0.2.9", "192.0.2.241",
                                      "198.51.100.1", "198.51.100.2", "10.9.0.2",  "10.9.0.1"};
inline constexpr Addresses addresses6{"2001:db8:5::1",   "::1",           "2001:db8:5::2", "2001:db8:98::9",
                                      "2001:db8:240::1", "2001:db8:1::1", "2001:db8:1::2", "fd09::2",
                                      "fd09::1"};
inline constexpr Addresses both_families[] = {addresses4, addresses6};

// The kernel routes packets from loopback addresses through `wire`, as with kube-proxy and Docker.
inline constexpr const char* routes_loopback_addresses =
    "echo 1 > /proc/sys/net/ipv4/conf/wire/route_localnet";
// Another table changes the source of packets that leave by `wire` to an address of this host.
inline constexpr const char* masquerades =
    "nft 'table inet mine { chain c { type nat hook postrouting priority srcnat\n"
    "oifname \"wire\" masquerade\n } \n }'";

// The kernel tracks no packet that this host sends.
inline constexpr const char* exempts_from_tracking =
    "nft 'table inet exempts { chain c { type filter hook output priority raw\n notrack\n } \n }'";

// A port that no flow has used yet.
inline uint16_t fresh_port() {
  static uint16_t last = 1024;
  return ++last;
}

class FilteredHost {
 public:
  explicit FilteredHost(const nft::Ruleset& ruleset);
  ~FilteredHost();

  std::string sends(const Sender& sender, const Packet& packet);
  // The number of packets that the kernel sent.
  size_t sends_all(const Sender& sender, const std::vector<Packet>& packets);
  std::string gets(const Packet& packet, const char* by = wire);
  // A packet with a multicast link-layer address.
  std::string gets_by_multicast(const Packet& packet, const char* by = wire);
  // The result of another action, such as closing a socket.
  std::string observes();

  // The packets of the last result.
  const Seen& seen() const { return seen_; }

  // Opens a connection that the other side accepts, and returns a packet of it.
  Packet connected(const Sender& sender, const Packet& syn);

  // Runs a shell command on the host, such as adding another table.
  void runs(const std::string& command);
  // As the keeper does: after the gate has bound port 53 itself; after another process has changed
  // the rules; and for flows that are older than the rules.
  void opens_direct_dns(const nft::Ruleset& ruleset);
  void apply_again(const nft::Ruleset& ruleset);
  void settles(const nft::Ruleset& ruleset);
  void admit(const char* address, uint8_t protocol, uint16_t port);
  void admit_by_name(const char* address, uint16_t port);
  // The gate's verdict on the packet that waits. The first returns what happens to it then.
  std::string passes();
  void drops();
  // For verdicts on flows.
  nft::FlowJudge& gate() { return *queue_; }
  // Marks a flow as the rules or the gate could have.
  void mark(const Packet& packet, uint32_t mark);
  // The kernel's entry for the flow: a line of /proc/net/nf_conntrack, or nothing.
  std::string flow(const Packet& packet) const;

  const Host& inside() const { return network_.inside(); }

 private:
  void look();
  void admit(const nft::Admission& admission);
  uint32_t waiting_packet();
  std::string what_happened(const std::optional<Packet>& packet) const;

  Network& network_;
  std::optional<nft::DeniedLog> log_;
  std::optional<nft::FlowQueue> queue_;
  std::vector<uint32_t> waiting_;  // packets since the last look()
  std::optional<Packet> last_;     // that was sent or received
  Seen seen_;
  std::vector<std::string> causes_;
};

}  // namespace ostiary::test::rules
