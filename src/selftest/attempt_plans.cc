#include "attempt_plans.h"

#include <string>
#include <utility>

#include <netinet/in.h>

#include "kernel_protocols.h"

namespace ostiary::selftest {
namespace {

using inet::Family;
using inet::IpAddress;

constexpr uint16_t dns_port = 53;
constexpr uint16_t http_port = 80;

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

}  // namespace ostiary::selftest
