#include "attempt_plans.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <netinet/in.h>

#include "ostiary/base/read_file.h"
#include "ostiary/inet/dns_port.h"
#include "ostiary/inet/prefix.h"

namespace ostiary::selftest {
namespace {

using inet::Family;
using inet::IpAddress;

using inet::dns_port;
constexpr uint16_t http_port = 80;

// The socket protocols that this kernel has loaded. To open a socket of another protocol would make
// the kernel load a module, only for a probe.
class KernelProtocols {
 public:
  static KernelProtocols read() {
    constexpr size_t max_table = 65536;
    return KernelProtocols(read_file("/proc/net/protocols", max_table).value_or(""));
  }

  // `name` as in /proc/net/protocols: "UDP-Lite", "PACKET". True if that cannot be read.
  bool has(std::string_view name) const {
    return table_.empty() || table_.contains("\n" + std::string(name) + " ");
  }

 private:
  explicit KernelProtocols(std::string table) : table_(std::move(table)) {}
  std::string table_;
};

std::string text(Family family) {
  return family == Family::ipv4 ? "IPv4" : "IPv6";
}

std::string text(Transport transport) {
  switch (transport) {
    case Transport::tcp:
      return "TCP";
    case Transport::udp:
      return "UDP";
    case Transport::udp_lite:
      return "UDP-Lite";
    case Transport::ping:
      return "a ping";
  }
  return {};
}

IpAddress other_server(Family family) {
  if (family == Family::ipv4) return IpAddress::v4({198, 51, 100, 53});
  return IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53});
}

// The addresses at which clouds hand out credentials. fd00:ec2::254 is Amazon's.
IpAddress metadata_service(Family family) {
  if (family == Family::ipv4) return IpAddress::v4({169, 254, 169, 254});
  return IpAddress::v6({0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54});
}

bool kernel_has(const KernelProtocols& protocols, Transport transport, Family family) {
  return transport != Transport::udp_lite || protocols.has(family == Family::ipv4 ? "UDP-Lite" : "UDPLITEv6");
}

void add_addresses(AttemptPlans& attempt_plans, const Targets& targets, Family family,
                   const KernelProtocols& protocols) {
  for (const Transport transport : {Transport::tcp, Transport::udp, Transport::udp_lite, Transport::ping}) {
    std::string name = text(transport) + " to an unlisted " + text(family) + " address";
    const auto place = find_unlisted(family, protocol_of(transport, family), targets.permitted);
    if (!kernel_has(protocols, transport, family))
      attempt_plans.left_out.push_back(
          attempt(std::move(name), not_applicable("this kernel has no such sockets")));
    else if (!place)
      attempt_plans.left_out.push_back(
          attempt(std::move(name), not_applicable("the policy allows every address")));
    else
      attempt_plans.all.push_back({std::move(name), transport, *place, Goal::way_out});
  }
}

void add_metadata(AttemptPlans& attempt_plans, const Targets& targets, Family family) {
  std::string name = "TCP to the " + text(family) + " metadata service";
  const AddressPort place{metadata_service(family), http_port};
  if (permits(targets.permitted, place, IPPROTO_TCP))
    attempt_plans.left_out.push_back(attempt(std::move(name), not_applicable("the policy allows it")));
  else
    attempt_plans.all.push_back({std::move(name), Transport::tcp, place, Goal::way_out});
}

void add_names(AttemptPlans& attempt_plans, const Targets& targets, Family family) {
  for (const Transport transport : {Transport::udp, Transport::tcp}) {
    const std::string over = ", " + text(transport) + " over " + text(family);
    attempt_plans.all.push_back({"an unlisted name at the gate" + over,
                                 transport,
                                 {IpAddress::loopback(family), targets.gate_port},
                                 Goal::gate_answer});
    attempt_plans.all.push_back({"an unlisted name at another server" + over,
                                 transport,
                                 {other_server(family), dns_port},
                                 Goal::server_answer});
  }
}

// 443 (HTTPS, QUIC), which a rule most often opens by mistake, and 9 (discard), which hardly any
// rule opens on purpose.
constexpr std::array<uint16_t, 2> ports{443, 9};

std::array<IpAddress, 3> addresses(Family family) {
  if (family == Family::ipv4)
    return {IpAddress::v4({192, 0, 2, 213}), IpAddress::v4({198, 51, 100, 213}),
            IpAddress::v4({203, 0, 113, 213})};
  return {IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 213}),
          IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 213}),
          IpAddress::v6({0x3f, 0xff, 0x0f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 213})};
}

}  // namespace

AttemptPlans plan_attempts(const Targets& targets) {
  AttemptPlans attempt_plans;
  const auto protocols = KernelProtocols::read();
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    add_addresses(attempt_plans, targets, family, protocols);
    add_metadata(attempt_plans, targets, family);
    add_names(attempt_plans, targets, family);
  }
  return attempt_plans;
}

bool permits(std::span<const nft::AddressRule> permitted, const AddressPort& place, uint8_t protocol) {
  return std::ranges::any_of(permitted, [&](const nft::AddressRule& rule) {
    return rule.protocol == protocol && rule.first_port <= place.port && place.port <= rule.last_port &&
           inet::Prefix::around(rule.network, rule.prefix_length).contains(place.address);
  });
}

std::optional<AddressPort> find_unlisted(Family family, uint8_t protocol,
                                         std::span<const nft::AddressRule> permitted) {
  for (const uint16_t port : ports)
    for (const IpAddress& address : addresses(family))
      if (const AddressPort place{address, port}; !permits(permitted, place, protocol)) return place;
  return std::nullopt;
}

}  // namespace ostiary::selftest
