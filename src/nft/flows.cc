#include "ostiary/nft/flows.h"

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "ostiary/netlink/message.h"
#include "ostiary/netlink/request.h"
#include "ostiary/netlink/socket.h"
#include "ostiary/nft/ruleset.h"
#include "output.h"

namespace ostiary::nft {
namespace {

constexpr size_t datagram_size = 65536;
constexpr size_t request_size = 512;  // headers, and a flow's addresses, ports and zone

// Whoever asked in between was not led to the gate. Nobody who uses the same port would be.
enum class Fate : uint8_t { doubted, forgotten };

struct Flow {
  Fate fate = Fate::doubted;
  uint8_t family = 0;
  std::vector<uint8_t> tuple;  // as the kernel writes it
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

bool is_to_dns(const netlink::Attribute& tuple) {
  const auto protocol = netlink::find_attribute(tuple.payload, CTA_TUPLE_PROTO);
  const auto port = protocol ? netlink::find_attribute(protocol->payload, CTA_PROTO_DST_PORT) : std::nullopt;
  return port && port->be16() == dns_port;
}

bool is_redirected(const netlink::NetfilterHeader& content) {
  const auto status = netlink::find_attribute(content.attributes, CTA_STATUS);
  return status && (status->be32().value_or(0) & IPS_DST_NAT) != 0;
}

// Nothing for the gate's, and for what is held more closely already.
std::optional<Flow> read_flow(const netlink::Message& message, uint32_t gate_mark) {
  const auto content = netlink::netfilter_header(message);
  if (!content) return std::nullopt;
  const auto tuple = netlink::find_attribute(content->attributes, CTA_TUPLE_ORIG);
  const auto mark = netlink::find_attribute(content->attributes, CTA_MARK);
  const uint32_t now = mark ? mark->be32().value_or(0) : 0;
  if (!tuple || now == gate_mark || now == taken_up(gate_mark)) return std::nullopt;
  return Flow{.fate = is_to_dns(*tuple) && !is_redirected(*content) ? Fate::forgotten : Fate::doubted,
              .family = content->family,
              .tuple = copy(tuple),
              .zone = copy(netlink::find_attribute(content->attributes, CTA_ZONE))};
}

Result<std::vector<Flow>> list_flows(netlink::Socket& socket, uint32_t gate_mark) {
  alignas(nlmsghdr) std::array<uint8_t, request_size> request{};
  TRY(netlink::send(socket, netlink::begin_request(
                                request.data(), {.type = type_of(IPCTNL_MSG_CT_GET), .flags = NLM_F_DUMP})));
  std::vector<uint8_t> buffer(datagram_size);
  std::vector<Flow> flows;
  while (true) {
    const auto received = TRY(socket.receive(buffer));
    if (received.kind != netlink::Received::Kind::data) return std::unexpected(refused(EPROTO));
    std::span<const uint8_t> rest = received.data;
    while (const auto message = netlink::next_message(rest)) {
      if (message->type == NLMSG_DONE) return flows;
      if (const auto error = netlink::acknowledged(*message)) return std::unexpected(refused(*error));
      if (auto flow = read_flow(*message, gate_mark)) flows.push_back(std::move(*flow));
    }
  }
}

// One that has ended meanwhile needs neither.
Result<> mark_or_forget(netlink::Socket& socket, const Flow& flow, uint32_t mark) {
  alignas(nlmsghdr) std::array<uint8_t, request_size> request{};
  const auto message = flow.fate == Fate::doubted ? IPCTNL_MSG_CT_NEW : IPCTNL_MSG_CT_DELETE;
  nlmsghdr* header = netlink::begin_request(
      request.data(), {.type = type_of(message), .flags = NLM_F_ACK, .family = flow.family});
  if (!mnl_attr_put_check(header, request.size(), CTA_TUPLE_ORIG | NLA_F_NESTED, flow.tuple.size(),
                          flow.tuple.data()) ||
      (!flow.zone.empty() &&
       !mnl_attr_put_check(header, request.size(), CTA_ZONE, flow.zone.size(), flow.zone.data())) ||
      (flow.fate == Fate::doubted &&
       !mnl_attr_put_u32_check(header, request.size(), CTA_MARK, __builtin_bswap32(mark))))
    return std::unexpected(refused(EMSGSIZE));
  const int error = TRY(netlink::ask(socket, header));
  if (error != 0 && error != ENOENT) return std::unexpected(refused(error));
  return {};
}

}  // namespace

Result<> doubt_flows(uint32_t gate_mark) {
  netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::netfilter));
  for (const Flow& flow : TRY(list_flows(socket, gate_mark)))
    TRY(mark_or_forget(socket, flow, doubted(gate_mark)));
  return {};
}

}  // namespace ostiary::nft
