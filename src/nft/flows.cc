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

#include "connection_list.h"
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

bool is_settled(uint32_t mark, const Ruleset& ruleset, FlowsBegan began) {
  if (!ruleset.holds_everybody()) return false;
  if (mark == ruleset.gate_mark || mark == unverified(ruleset.gate_mark)) return true;
  return began == FlowsBegan::in_this_boot && mark == agent_marks(ruleset).permitted;
}

// Empty for a settled flow. In user scope every listed flow is of an earlier boot, and is forgotten.
std::optional<Flow> read_flow(const netlink::Message& message, const Ruleset& ruleset, FlowsBegan began) {
  const auto content = netlink::netfilter_header(message);
  const auto tuple = content ? netlink::find_attribute(content->attributes, CTA_TUPLE_ORIG) : std::nullopt;
  if (!tuple || is_settled(mark_of(*content), ruleset, began)) return std::nullopt;
  return Flow{.fate = ruleset.holds_everybody() ? fate_of(*tuple, *content) : Fate::forgotten,
              .family = content->family,
              .tuple = copy(tuple),
              .zone = copy(netlink::find_attribute(content->attributes, CTA_ZONE))};
}

// A machine may have very many flows. In user scope the kernel lists only those with our marks.
nlmsghdr* list_request(std::span<uint8_t> room, const Ruleset& ruleset) {
  nlmsghdr* header =
      netlink::begin_request(room.data(), {.type = conntrack_type(IPCTNL_MSG_CT_GET), .flags = NLM_F_DUMP});
  if (ruleset.holds_everybody()) return header;
  mnl_attr_put_u32(header, CTA_MARK, __builtin_bswap32(ruleset.gate_mark & ~variants_of_mark));
  mnl_attr_put_u32(header, CTA_MARK_MASK, __builtin_bswap32(~variants_of_mark));
  return header;
}

Result<std::vector<Flow>> list_flows(netlink::Socket& socket, const Ruleset& ruleset, FlowsBegan began) {
  alignas(nlmsghdr) std::array<uint8_t, request_size> request{};
  std::vector<Flow> flows;
  const auto take = [&](const netlink::Message& message) -> Result<> {
    if (auto flow = read_flow(message, ruleset, began)) flows.push_back(std::move(*flow));
    return {};
  };
  const int error = TRY(netlink::dump(socket, list_request(request, ruleset), take));
  if (error != 0) return std::unexpected(connections_refused(error));
  return flows;
}

// It is not an error if the flow has ended meanwhile.
Result<> mark_or_forget(netlink::Socket& socket, const Flow& flow, uint32_t mark) {
  alignas(nlmsghdr) std::array<uint8_t, request_size> request{};
  const auto message = flow.fate == Fate::unverified ? IPCTNL_MSG_CT_NEW : IPCTNL_MSG_CT_DELETE;
  nlmsghdr* header = netlink::begin_request(
      request.data(), {.type = conntrack_type(message), .flags = NLM_F_ACK, .family = flow.family});
  if (!mnl_attr_put_check(header, request.size(), CTA_TUPLE_ORIG | NLA_F_NESTED, flow.tuple.size(),
                          flow.tuple.data()) ||
      (!flow.zone.empty() &&
       !mnl_attr_put_check(header, request.size(), CTA_ZONE, flow.zone.size(), flow.zone.data())) ||
      (flow.fate == Fate::unverified &&
       !mnl_attr_put_u32_check(header, request.size(), CTA_MARK, __builtin_bswap32(mark))))
    return std::unexpected(connections_refused(EMSGSIZE));
  const int error = TRY(netlink::ask(socket, header));
  if (error != 0 && error != ENOENT) return std::unexpected(connections_refused(error));
  return {};
}

}  // namespace

Result<AgentFlows> AgentFlows::open(const Ruleset& ruleset) {
  return AgentFlows(TRY(FlowMarks::open()), agent_marks(ruleset));
}

Result<bool> AgentFlows::contain(const inet::Connection& connection) {
  const auto current = TRY(marks_.read(connection));
  return current == agents_.permitted || current == agents_.own_service;
}

Result<> settle_flows(const Ruleset& ruleset, FlowsBegan began) {
  if (read_file("/proc/sys/net/netfilter/nf_conntrack_count", max_count) == "0\n") return {};
  netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::netfilter));
  for (const Flow& flow : TRY(list_flows(socket, ruleset, began)))
    TRY(mark_or_forget(socket, flow, unverified(ruleset.gate_mark)));
  return {};
}

}  // namespace ostiary::nft
