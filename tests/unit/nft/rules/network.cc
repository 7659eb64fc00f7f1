#include "nft/rules/network.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include <doctest/doctest.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "nft/rules/every_rule.h"
#include "ostiary/netlink/request.h"

namespace ostiary::test::rules {
namespace {

constexpr uint16_t marker_type = 0x88b5;   // an EtherType for experiments
constexpr int generations = 3;             // of packets that other packets cause, such as refusals
constexpr int patience = 20'000;           // milliseconds until the kernel has delivered everything
constexpr uint8_t multicast_report = 143;  // the kernel reports its IPv6 groups at any time

using LinkAddress = std::array<uint8_t, ETH_ALEN>;
constexpr LinkAddress nowhere{};
constexpr LinkAddress of_the_host{2, 0, 0, 0, 0, 1};
constexpr LinkAddress of_the_other_end{2, 0, 0, 0, 0, 2};
constexpr LinkAddress multicast_address{0x33, 0x33, 0, 0, 0, 1};

constexpr const char* addresses =
    "ip -batch - <<'END'\n"
    "addr add 203.0.113.1/24 dev wire\naddr add 2001:db8:5::1/64 dev wire nodad\n"
    "addr add 10.9.0.1/24 dev inner\naddr add fd09::1/64 dev inner nodad\n"
    "addr add 2001:db8:5::2/128 dev lo nodad\n"
    "neigh add 203.0.113.254 lladdr 02:00:00:00:00:02 dev wire nud permanent\n"
    "neigh add 2001:db8:5::fe lladdr 02:00:00:00:00:02 dev wire nud permanent\n"
    "neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev inner nud permanent\n"
    "neigh add fd09::2 lladdr 02:00:00:00:00:02 dev inner nud permanent\n"
    "route add default via 203.0.113.254\nroute add default via 2001:db8:5::fe\n"
    "END\n"
    "cd /proc/sys/net\n"
    "for each in all wire inner; do echo 0 > ipv4/conf/$each/rp_filter; done\n"
    "echo 1 > ipv4/ip_forward; echo 1 > ipv6/conf/all/forwarding\n"
    "echo 1 > netfilter/nf_conntrack_tcp_be_liberal\n";

constexpr std::pair<int, int> received_protocols[] = {
    {AF_INET, IPPROTO_TCP},  {AF_INET, IPPROTO_UDP},  {AF_INET, IPPROTO_ICMP},   {AF_INET, IPPROTO_IGMP},
    {AF_INET6, IPPROTO_TCP}, {AF_INET6, IPPROTO_UDP}, {AF_INET6, IPPROTO_ICMPV6}};

sockaddr_ll link_address(int index, uint16_t type, const LinkAddress& to) {
  sockaddr_ll at{.sll_family = AF_PACKET,
                 .sll_protocol = htons(type),
                 .sll_ifindex = index,
                 .sll_hatype = 0,
                 .sll_pkttype = 0,
                 .sll_halen = ETH_ALEN,
                 .sll_addr = {}};
  std::ranges::copy(to, at.sll_addr);
  return at;
}

UniqueFd packet_socket(int index, uint16_t type) {
  UniqueFd fd{::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  REQUIRE(fd.valid());
  const int room = 16 << 20;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  const sockaddr_ll at = link_address(index, type, nowhere);
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  return fd;
}

void transmit(const UniqueFd& fd, int index, const LinkAddress& to, uint16_t type,
              std::span<const uint8_t> octets) {
  const sockaddr_ll at = link_address(index, type, to);
  REQUIRE(::sendto(fd.get(), octets.data(), octets.size(), 0, reinterpret_cast<const sockaddr*>(&at),
                   sizeof at) == static_cast<ssize_t>(octets.size()));
}

void transmit_marker(const UniqueFd& fd, int index, const LinkAddress& to) {
  constexpr std::array<uint8_t, 46> marker{};
  transmit(fd, index, to, marker_type, marker);
}

void forget_flows() {
  auto socket = netlink::Socket::open(netlink::Bus::netfilter);
  REQUIRE(socket);
  alignas(nlmsghdr) std::array<uint8_t, 64> buffer{};
  const nlmsghdr* request = netlink::begin_request(
      buffer.data(),
      {.type = NFNL_SUBSYS_CTNETLINK << 8U | IPCTNL_MSG_CT_DELETE, .flags = NLM_F_ACK, .sequence = 1});
  REQUIRE(netlink::ask(*socket, request) == 0);
}

}  // namespace

Network& Network::get() {
  static Network network;
  return network;
}

Network::Network() {
  wire_ = make_link(wire, index_of_wire, outside_);
  inner_ = make_link(inner, index_of_inner, container_);
  const On here(inside_);
  run(addresses);
  const int loopback = static_cast<int>(::if_nametoindex("lo"));
  loopback_ = {loopback, loopback, packet_socket(loopback, ETH_P_ALL), packet_socket(loopback, marker_type)};
  for (const auto& [domain, protocol] : received_protocols) {
    receivers_.emplace_back(::socket(domain, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
    REQUIRE(receivers_.back().valid());
  }
}

Network::Link Network::make_link(const char* name, uint32_t index, const Host& other_end) {
  Link link;
  const std::string device = name;
  {
    const On here(inside_);
    run("ip link add " + device + " index " + std::to_string(index) +
        " address 02:00:00:00:00:01 type veth peer name " + device + " address 02:00:00:00:00:02 netns " +
        other_end.path() + "; ip link set " + device + " addrgenmode none up");
    link.near_index = static_cast<int>(index);
    link.near = packet_socket(link.near_index, marker_type);
  }
  const On there(other_end);
  run("echo 1 > /proc/sys/net/ipv6/conf/" + device + "/disable_ipv6; ip link set " + device + " arp off up");
  link.far_index = static_cast<int>(::if_nametoindex(name));
  link.far = packet_socket(link.far_index, ETH_P_ALL);
  return link;
}

void Network::reset() {
  const On here(inside_);
  run("nft flush ruleset; echo 1 > /proc/sys/net/netfilter/nf_conntrack_tcp_loose; "
      "echo 0 > /proc/sys/net/ipv4/conf/wire/route_localnet");
  forget_flows();
  look();
}

void Network::inject(const char* link, Cast cast, const Packet& packet) {
  const Link& by = std::string_view(link) == wire ? wire_ : inner_;
  const bool is_ipv4 = packet.from.address.family() == inet::Family::ipv4;
  transmit(by.far, by.far_index, cast == Cast::multicast ? multicast_address : of_the_host,
           is_ipv4 ? ETH_P_IP : ETH_P_IPV6, octets(packet));
}

void Network::read_to_marker(const UniqueFd& fd, std::vector<Packet>* into,
                             std::vector<Packet>* to_neighbour) {
  std::array<uint8_t, 65536> buffer;
  for (;;) {
    pollfd waiting{fd.get(), POLLIN, 0};
    if (::poll(&waiting, 1, patience) != 1) FAIL("a marker was lost");
    sockaddr_ll from{};
    socklen_t size = sizeof from;
    const ssize_t got =
        ::recvfrom(fd.get(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    REQUIRE(got >= 0);
    if (from.sll_pkttype == PACKET_OUTGOING) continue;
    if (from.sll_protocol == htons(marker_type)) return;
    const auto packet = read_packet(std::span(buffer).first(static_cast<size_t>(got)));
    if (!packet || into == nullptr) continue;
    if (packet->protocol == IPPROTO_ICMPV6 && packet->type == multicast_report) continue;
    (from.sll_pkttype == PACKET_OTHERHOST ? to_neighbour : into)->push_back(*packet);
  }
}

// A marker is processed after the packets before it: softirqs of one processor run in order, and
// the caller stays on one processor.
Seen Network::look() {
  Seen seen;
  for (int generation = 0; generation < generations; ++generation) {
    for (const auto& [link, packets] : {std::pair(&wire_, &seen.left), std::pair(&inner_, &seen.entered)}) {
      transmit_marker(link->far, link->far_index, of_the_host);
      read_to_marker(link->near, nullptr, nullptr);
      transmit_marker(link->near, link->near_index, of_the_other_end);
      read_to_marker(link->far, packets, &seen.to_neighbour);
    }
    transmit_marker(loopback_.near, loopback_.near_index, nowhere);
    read_to_marker(loopback_.near, nullptr, nullptr);
    read_to_marker(loopback_.far, &seen.stayed, &seen.to_neighbour);
  }
  std::array<uint8_t, 64> buffer;
  for (const UniqueFd& each : receivers_)
    while (::recv(each.get(), buffer.data(), buffer.size(), 0) >= 0) ++seen.received;
  return seen;
}

}  // namespace ostiary::test::rules
