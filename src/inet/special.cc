#include "ostiary/inet/special.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "ostiary/inet/prefix.h"

namespace ostiary::inet {
namespace {

struct Entry {
  std::string_view network;
  AddressClass reach;
};

// The first match counts, so a single address comes before the network that contains it. The last
// entries make every other IPv4 address public and every other IPv6 address reserved.
constexpr std::array<Entry, 51> entries{{
    // In this order: AWS, Azure, Google, OpenStack and most others; ECS tasks; EKS pods; Amazon's
    // time service; Amazon's DNS service; Tencent; Alibaba; Volcengine; Oracle; Azure's wire
    // server.
    {"169.254.169.254", AddressClass::metadata},
    {"169.254.170.2", AddressClass::metadata},
    {"169.254.170.23", AddressClass::metadata},
    {"169.254.169.123", AddressClass::metadata},
    {"169.254.169.253", AddressClass::metadata},
    {"169.254.0.23", AddressClass::metadata},
    {"100.100.100.200", AddressClass::metadata},
    {"100.96.0.96", AddressClass::metadata},
    {"192.0.0.192", AddressClass::metadata},
    {"168.63.129.16", AddressClass::metadata},
    {"0.0.0.0/8", AddressClass::unspecified},
    {"10.0.0.0/8", AddressClass::private_network},
    {"100.64.0.0/10", AddressClass::carrier_nat},
    {"127.0.0.0/8", AddressClass::loopback},
    {"169.254.0.0/16", AddressClass::link_local},
    {"172.16.0.0/12", AddressClass::private_network},
    {"192.0.0.0/24", AddressClass::reserved},
    {"192.88.99.0/24", AddressClass::translation},
    {"192.168.0.0/16", AddressClass::private_network},
    {"198.18.0.0/15", AddressClass::benchmarking},
    {"224.0.0.0/4", AddressClass::multicast},
    {"255.255.255.255", AddressClass::broadcast},
    {"240.0.0.0/4", AddressClass::reserved},
    {"0.0.0.0/0", AddressClass::public_internet},

    // In this order: Linode, AWS instances, EKS pods, Amazon's time service, Amazon's DNS service,
    // Google, Scaleway, Oracle, OpenStack.
    {"fd00:a9fe:a9fe::1", AddressClass::metadata},
    {"fd00:ec2::254", AddressClass::metadata},
    {"fd00:ec2::23", AddressClass::metadata},
    {"fd00:ec2::123", AddressClass::metadata},
    {"fd00:ec2::253", AddressClass::metadata},
    {"fd20:ce::254", AddressClass::metadata},
    {"fd00:42::42", AddressClass::metadata},
    {"fd00:c1::a9fe:a9fe", AddressClass::metadata},
    {"fe80::a9fe:a9fe", AddressClass::metadata},
    {"::", AddressClass::unspecified},
    {"::1", AddressClass::loopback},
    {"::/96", AddressClass::translation},
    {"64:ff9b:1::/48", AddressClass::translation},
    {"2001::/32", AddressClass::translation},
    {"2001:2::/48", AddressClass::benchmarking},
    {"2001:20::/28", AddressClass::reserved},
    {"2001:10::/28", AddressClass::reserved},
    {"2001:db8::/32", AddressClass::public_internet},
    {"2002::/16", AddressClass::translation},
    {"3fff::/20", AddressClass::public_internet},
    {"fdaa::/16", AddressClass::fly_private},
    {"fc00::/7", AddressClass::unique_local},
    {"fe80::/10", AddressClass::link_local},
    {"fec0::/10", AddressClass::private_network},
    {"ff00::/8", AddressClass::multicast},
    {"2000::/3", AddressClass::public_internet},
    {"::/0", AddressClass::reserved},
}};

struct Range {
  Prefix prefix;
  AddressClass reach;
};

std::vector<Range> read_entries() {
  std::vector<Range> ranges;
  ranges.reserve(entries.size());
  for (const auto& [network, reach] : entries) ranges.push_back({Prefix::parse(network).value(), reach});
  return ranges;
}

const std::vector<Range>& ranges() {
  static const std::vector<Range> read = read_entries();
  return read;
}

const Prefix& nat64() {
  static const Prefix read = Prefix::parse("64:ff9b::/96").value();
  return read;
}

IpAddress in_nat64(const IpAddress& address) {
  std::array<uint8_t, 16> octets{};
  std::ranges::copy(nat64().network().octets(), octets.begin());
  std::ranges::copy(address.octets(), octets.end() - static_cast<std::ptrdiff_t>(address.octets().size()));
  return IpAddress::v6(octets);
}

std::vector<IpAddress> find_metadata_services() {
  std::vector<IpAddress> found;
  for (const auto& [prefix, reach] : ranges()) {
    if (reach != AddressClass::metadata) continue;
    found.push_back(prefix.network());
    if (prefix.network().family() == Family::ipv4) found.push_back(in_nat64(prefix.network()));
  }
  return found;
}

}  // namespace

AddressClass classify(const IpAddress& address) {
  const auto octets = address.octets();
  if (nat64().contains(address))
    return classify(IpAddress::v4({octets[12], octets[13], octets[14], octets[15]}));
  const auto found =
      std::ranges::find_if(ranges(), [&](const Range& range) { return range.prefix.contains(address); });
  return found == ranges().end() ? AddressClass::reserved : found->reach;
}

bool is_loopback(const Host& host) {
  if (const auto* address = std::get_if<IpAddress>(&host))
    return classify(*address) == AddressClass::loopback;
  const std::string& name = std::get<HostName>(host).text();
  return name == "localhost" || name.ends_with(".localhost");
}

std::span<const IpAddress> metadata_services() {
  static const std::vector<IpAddress> found = find_metadata_services();
  return found;
}

}  // namespace ostiary::inet
