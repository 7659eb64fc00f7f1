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
  Reach reach;
};

// The first match counts, so single addresses stand before the networks around them. What no entry names is
// public in IPv4 and reserved in IPv6.
constexpr std::array<Entry, 48> entries{{
    // AWS, Azure, Google, OpenStack and most others; then ECS tasks, EKS pods, Amazon's time and DNS service,
    // Alibaba, Oracle, Azure's wire server.
    {"169.254.169.254", Reach::metadata},
    {"169.254.170.2", Reach::metadata},
    {"169.254.170.23", Reach::metadata},
    {"169.254.169.123", Reach::metadata},
    {"169.254.169.253", Reach::metadata},
    {"100.100.100.200", Reach::metadata},
    {"192.0.0.192", Reach::metadata},
    {"168.63.129.16", Reach::metadata},
    {"0.0.0.0/8", Reach::unspecified},
    {"10.0.0.0/8", Reach::private_network},
    {"100.64.0.0/10", Reach::carrier_nat},
    {"127.0.0.0/8", Reach::loopback},
    {"169.254.0.0/16", Reach::link_local},
    {"172.16.0.0/12", Reach::private_network},
    {"192.0.0.0/24", Reach::reserved},
    {"192.88.99.0/24", Reach::translation},
    {"192.168.0.0/16", Reach::private_network},
    {"198.18.0.0/15", Reach::benchmarking},
    {"224.0.0.0/4", Reach::multicast},
    {"255.255.255.255", Reach::broadcast},
    {"240.0.0.0/4", Reach::reserved},
    {"0.0.0.0/0", Reach::public_internet},

    // AWS instances, EKS pods, Amazon's time and DNS service, Google, Scaleway, Oracle, OpenStack.
    {"fd00:ec2::254", Reach::metadata},
    {"fd00:ec2::23", Reach::metadata},
    {"fd00:ec2::123", Reach::metadata},
    {"fd00:ec2::253", Reach::metadata},
    {"fd20:ce::254", Reach::metadata},
    {"fd00:42::42", Reach::metadata},
    {"fd00:c1::a9fe:a9fe", Reach::metadata},
    {"fe80::a9fe:a9fe", Reach::metadata},
    {"::", Reach::unspecified},
    {"::1", Reach::loopback},
    {"::/96", Reach::translation},
    {"64:ff9b:1::/48", Reach::translation},
    {"2001::/32", Reach::translation},
    {"2001:2::/48", Reach::benchmarking},
    {"2001:20::/28", Reach::reserved},
    {"2001:10::/28", Reach::reserved},
    {"2001:db8::/32", Reach::public_internet},
    {"2002::/16", Reach::translation},
    {"3fff::/20", Reach::public_internet},
    {"fdaa::/16", Reach::fly_private},
    {"fc00::/7", Reach::unique_local},
    {"fe80::/10", Reach::link_local},
    {"fec0::/10", Reach::private_network},
    {"ff00::/8", Reach::multicast},
    {"2000::/3", Reach::public_internet},
    {"::/0", Reach::reserved},
}};

struct Range {
  Prefix prefix;
  Reach reach;
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
    if (reach != Reach::metadata) continue;
    found.push_back(prefix.network());
    if (prefix.network().family() == Family::ipv4) found.push_back(in_nat64(prefix.network()));
  }
  return found;
}

}  // namespace

Reach classify(const IpAddress& address) {
  const auto octets = address.octets();
  if (nat64().contains(address))
    return classify(IpAddress::v4({octets[12], octets[13], octets[14], octets[15]}));
  const auto found =
      std::ranges::find_if(ranges(), [&](const Range& range) { return range.prefix.contains(address); });
  return found == ranges().end() ? Reach::reserved : found->reach;
}

std::span<const IpAddress> metadata_services() {
  static const std::vector<IpAddress> found = find_metadata_services();
  return found;
}

std::string_view text(Reach reach) {
  switch (reach) {
    case Reach::unspecified:
      return "unspecified";
    case Reach::loopback:
      return "loopback";
    case Reach::metadata:
      return "metadata service";
    case Reach::link_local:
      return "link-local";
    case Reach::private_network:
      return "private";
    case Reach::unique_local:
      return "unique local";
    case Reach::fly_private:
      return "Fly private network";
    case Reach::carrier_nat:
      return "carrier-grade NAT";
    case Reach::multicast:
      return "multicast";
    case Reach::broadcast:
      return "broadcast";
    case Reach::benchmarking:
      return "benchmarking";
    case Reach::translation:
      return "IPv4 inside IPv6";
    case Reach::reserved:
      return "reserved";
    case Reach::public_internet:
      return "public";
  }
  return "reserved";
}

}  // namespace ostiary::inet
