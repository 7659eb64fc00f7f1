#include "errands.h"

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

std::string text(Means means) {
  switch (means) {
    case Means::tcp:
      return "TCP";
    case Means::udp:
      return "UDP";
    case Means::udp_lite:
      return "UDP-Lite";
    case Means::ping:
      return "a ping";
  }
  return {};
}

IpAddress other_server(Family family) {
  if (family == Family::ipv4) return IpAddress::v4({198, 51, 100, 53});
  return IpAddress::v6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53});
}

// Where clouds hand out credentials; fd00:ec2::254 is Amazon's.
IpAddress metadata_service(Family family) {
  if (family == Family::ipv4) return IpAddress::v4({169, 254, 169, 254});
  return IpAddress::v6({0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54});
}

bool kernel_has(const KernelProtocols& protocols, Means means, Family family) {
  return means != Means::udp_lite || protocols.has(family == Family::ipv4 ? "UDP-Lite" : "UDPLITEv6");
}

void add_addresses(Errands& errands, const Targets& targets, Family family,
                   const KernelProtocols& protocols) {
  for (const Means means : {Means::tcp, Means::udp, Means::udp_lite, Means::ping}) {
    std::string name = text(means) + " to an unlisted " + text(family) + " address";
    const auto place = find_unlisted(family, protocol_of(means, family), targets.permitted);
    if (!kernel_has(protocols, means, family))
      errands.left_out.push_back(attempt(std::move(name), not_applicable("this kernel has no such sockets")));
    else if (!place)
      errands.left_out.push_back(attempt(std::move(name), not_applicable("the policy allows every address")));
    else
      errands.all.push_back({std::move(name), means, *place, Aim::passage});
  }
}

void add_metadata(Errands& errands, const Targets& targets, Family family) {
  std::string name = "TCP to the " + text(family) + " metadata service";
  const Place place{metadata_service(family), http_port};
  if (permits(targets.permitted, place, IPPROTO_TCP))
    errands.left_out.push_back(attempt(std::move(name), not_applicable("the policy allows it")));
  else
    errands.all.push_back({std::move(name), Means::tcp, place, Aim::passage});
}

void add_names(Errands& errands, const Targets& targets, Family family) {
  for (const Means means : {Means::udp, Means::tcp}) {
    const std::string over = ", " + text(means) + " over " + text(family);
    errands.all.push_back({"an unlisted name at the gate" + over,
                           means,
                           {IpAddress::loopback(family), targets.gate_port},
                           Aim::gates_answer});
    errands.all.push_back({"an unlisted name at another server" + over,
                           means,
                           {other_server(family), dns_port},
                           Aim::an_answer});
  }
}

}  // namespace

Errands choose_errands(const Targets& targets) {
  Errands errands;
  const auto protocols = KernelProtocols::read();
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    add_addresses(errands, targets, family, protocols);
    add_metadata(errands, targets, family);
    add_names(errands, targets, family);
  }
  return errands;
}

}  // namespace ostiary::selftest
