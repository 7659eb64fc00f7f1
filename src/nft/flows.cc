#include "ostiary/nft/flows.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "ostiary/base/read_file.h"
#include "ostiary/netlink/message.h"
#include "ostiary/netlink/request.h"
#include "ostiary/netlink/socket.h"
#include "ostiary/nft/ruleset.h"
#include "output.h"

namespace ostiary::nft {
namespace {

constexpr size_t max_count = 32;
constexpr size_t request_size = 512;  // room for headers, addresses, ports and zone

enum class Fate : uint8_t { unverified, forgotten };

struct Flow {
  Fate fate = Fate::unverified;
  uint8_t family = 0;
  std::vector<uint8_t> tuple;  // in the kernel's encoding
  std::vector<uint8_t> zone;
};

constexpr uint16_t type_of(uint16_t message) {
  return NFNL_SUBSYS_CTNETLINK << 8U | message;
}

Error refused(int error) {
  return {Exit::unavailable, std::string("the kernel's list of connections: ") + std::strerror(error) +
                                 "; load nf_conntrack_netlink on the host"};
}

std::vector<uint8_t> copy(const std::optional<netlink::Attribute>& attribute) {
  if (!attribute) return {};
  return {attribute->payload.begin(), attribute->payload.end()};
}

std::optional<netlink::Attribute> of_protocol(const netlink::Attribute& tuple, uint16_t type) {
  const auto protocol = netlink::find_attribute(tuple.payload, CTA_TUPLE_PROTO);
  return protocol ? netlink::find_attribute(protocol->payload, type) : std::nullopt;
}

bool is_tcp(const netlink::Attribute& tuple) {
  const auto number = of_protocol(tuple, CTA_PROTO_NUM);
  return number && number->payload.size() == 1 && number->payload[0] == IPPROTO_TCP;
}

bool is_to_dns(const netlink::Attribute& tuple) {
  const auto port = of_protocol(tuple, CTA_PROTO_DST_PORT);
  return port && port->be16() == dns_port;
}

uint32_t mark_of(const netlink::NetfilterHeader& flow) {
  const auto mark = netlink::find_attribute(flow.attributes, CTA_MARK);
  return mark ? mark->be32().value_or(0) : 0;
}

bool is_redirected(const netlink::NetfilterHeader& content) {
  const auto status = netlink::find_attribute(content.attributes, CTA_STATUS);
  return status && (status->be32().value_or(0) & IPS_DST_NAT) != 0;
}

// Keep TCP connections and redirected DNS questions: the rules check each of their packets. Forget
// all other flows, since another process could bind the port and inherit the flow.
Fate fate_of(const netlink::Attribute& tuple, const netlink::NetfilterHeader& content) {
  const bool kept = is_to_dns(tuple) ? is_redirected(content) : is_tcp(tuple);
  return kept ? Fate::unverified : Fate::forgotten;
}

// Empty in container scope for the gate's flows and for flows that are unverified already. In user
// scope every listed flow is of an earlier boot, and is forgotten.
std::optional<Flow> read_flow(const netlink::Message& message, const Ruleset& ruleset) {
  const auto content = netlink::netfilter_header(message);
  const auto tuple = content ? netlink::find_attribute(content->attributes, CTA_TUPLE_ORIG) : std::nullopt;
  if (!tuple) return std::nullopt;
  const uint32_t current = mark_of(*content);
  const bool settled = current == ruleset.gate_mark || current == unverified(ruleset.gate_mark);
  if (settled && ruleset.holds_everybody()) return std::nullopt;
  return Flow{.fate = ruleset.holds_everybody() ? fate_of(*tuple, *content) : Fate::forgotten,
              .family = content->family,
              .tuple = copy(tuple),
              .zone = copy(netlink::find_attribute(content->attributes, CTA_ZONE))};
}

// A machine may have very many flows. In user scope the kernel lists only those with our marks.
nlmsghdr* list_request(std::span<uint8_t> room, const Ruleset& ruleset) {
  nlmsghdr* header =
      netlink::begin_request(room.data(), {.type = type_of(IPCTNL_MSG_CT_GET), .flags = NLM_F_DUMP});
  if (ruleset.holds_everybody()) return header;
  mnl_attr_put_u32(header, CTA_MARK, __builtin_bswap32(ruleset.gate_mark & ~variants_of_mark));
  mnl_attr_put_u32(header, CTA_MARK_MASK, __builtin_bswap32(~variants_of_mark));
  return header;
}

Result<std::vector<Flow>> list_flows(netlink::Socket& socket, const Ruleset& ruleset) {
  alignas(nlmsghdr) std::array<uint8_t, request_size> request{};
  std::vector<Flow> flows;
  const auto take = [&](const netlink::Message& message) -> Result<> {
    if (auto flow = read_flow(message, ruleset)) flows.push_back(std::move(*flow));
    return {};
  };
  const int error = TRY(netlink::dump(socket, list_request(request, ruleset), take));
  if (error != 0) return std::unexpected(refused(error));
  return flows;
}

// It is not an error if the flow has ended meanwhile.
Result<> mark_or_forget(netlink::Socket& socket, const Flow& flow, uint32_t mark) {
  alignas(nlmsghdr) std::array<uint8_t, request_size> request{};
  const auto message = flow.fate == Fate::unverified ? IPCTNL_MSG_CT_NEW : IPCTNL_MSG_CT_DELETE;
  nlmsghdr* header = netlink::begin_request(
      request.data(), {.type = type_of(message), .flags = NLM_F_ACK, .family = flow.family});
  if (!mnl_attr_put_check(header, request.size(), CTA_TUPLE_ORIG | NLA_F_NESTED, flow.tuple.size(),
                          flow.tuple.data()) ||
      (!flow.zone.empty() &&
       !mnl_attr_put_check(header, request.size(), CTA_ZONE, flow.zone.size(), flow.zone.data())) ||
      (flow.fate == Fate::unverified &&
       !mnl_attr_put_u32_check(header, request.size(), CTA_MARK, __builtin_bswap32(mark))))
    return std::unexpected(refused(EMSGSIZE));
  const int error = TRY(netlink::ask(socket, header));
  if (error != 0 && error != ENOENT) return std::unexpected(refused(error));
  return {};
}

void put_address(nlmsghdr* request, const inet::IpAddress& address, uint16_t ipv4, uint16_t ipv6) {
  const auto octets = address.octets();
  mnl_attr_put(request, address.family() == inet::Family::ipv4 ? ipv4 : ipv6, octets.size(), octets.data());
}

// Requires room for the tuple, which is less than request_size.
void put_tuple(nlmsghdr* request, const inet::Connection& connection) {
  nlattr* tuple = mnl_attr_nest_start(request, CTA_TUPLE_ORIG);
  nlattr* addresses = mnl_attr_nest_start(request, CTA_TUPLE_IP);
  put_address(request, connection.local, CTA_IP_V4_SRC, CTA_IP_V6_SRC);
  put_address(request, connection.remote, CTA_IP_V4_DST, CTA_IP_V6_DST);
  mnl_attr_nest_end(request, addresses);
  nlattr* ports = mnl_attr_nest_start(request, CTA_TUPLE_PROTO);
  mnl_attr_put_u8(request, CTA_PROTO_NUM, IPPROTO_TCP);
  mnl_attr_put_u16(request, CTA_PROTO_SRC_PORT, __builtin_bswap16(connection.local_port));
  mnl_attr_put_u16(request, CTA_PROTO_DST_PORT, __builtin_bswap16(connection.remote_port));
  mnl_attr_nest_end(request, ports);
  mnl_attr_nest_end(request, tuple);
}

}  // namespace

Result<AgentFlows> AgentFlows::open(const Ruleset& ruleset) {
  return AgentFlows(TRY(netlink::Socket::open(netlink::Bus::netfilter)), ruleset);
}

Result<bool> AgentFlows::contain(const inet::Connection& connection) {
  alignas(nlmsghdr) std::array<uint8_t, request_size> request{};
  const bool is_ipv4 = connection.local.family() == inet::Family::ipv4;
  nlmsghdr* header =
      netlink::begin_request(request.data(), {.type = type_of(IPCTNL_MSG_CT_GET),
                                              .flags = NLM_F_ACK,
                                              .family = uint8_t(is_ipv4 ? AF_INET : AF_INET6)});
  put_tuple(header, connection);
  const AgentMarks marks = agent_marks(gate_mark_);
  bool marked = false;
  const auto take = [&](const netlink::Message& message) -> Result<> {
    const auto flow = netlink::netfilter_header(message);
    if (!flow) return {};
    const uint32_t current = mark_of(*flow);
    marked = current == marks.permitted || current == marks.own_service;
    return {};
  };
  const int error = TRY(netlink::dump(socket_, header, take));
  if (error != 0 && error != ENOENT) return std::unexpected(refused(error));
  return marked;
}

Result<> settle_flows(const Ruleset& ruleset) {
  if (read_file("/proc/sys/net/netfilter/nf_conntrack_count", max_count) == "0\n") return {};
  netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::netfilter));
  for (const Flow& flow : TRY(list_flows(socket, ruleset)))
    TRY(mark_or_forget(socket, flow, unverified(ruleset.gate_mark)));
  return {};
}

}  // namespace ostiary::nft
