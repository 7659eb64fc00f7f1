#include "ostiary/nft/flow_queue.h"

#include <array>
#include <cstring>
#include <string>
#include <utility>

#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <netinet/tcp.h>

#include "kernel_state.h"
#include "ostiary/netlink/message.h"
#include "ostiary/netlink/request.h"
#include "tcp_packet.h"

namespace ostiary::nft {
namespace {

constexpr uint16_t type_of(uint16_t message) {
  return NFNL_SUBSYS_QUEUE << 8U | message;
}

constexpr int waiting_bytes = 8 << 20;
constexpr size_t packet_size = 65536;
constexpr size_t datagram_size = packet_size + 1024;
constexpr size_t verdict_size = 64;
constexpr size_t verdicts_at_once = 64;
constexpr uint8_t syn_and_ack = TH_SYN | TH_ACK;

Error explain(int error, uint16_t queue) {
  return no_listener("packets that wait for the gate (NFQUEUE " + std::to_string(queue) + ")", error,
                     "nfnetlink_queue");
}

nlmsghdr* config_request(std::span<uint8_t> room, uint16_t queue, uint32_t sequence) {
  return netlink::begin_request(
      room.data(),
      {.type = type_of(NFQNL_MSG_CONFIG), .flags = NLM_F_ACK, .sequence = sequence, .resource = queue});
}

Result<int> bind_queue(netlink::Socket& socket, uint16_t queue) {
  alignas(nlmsghdr) std::array<uint8_t, 256> room{};
  nlmsghdr* request = config_request(room, queue, 1);
  nfqnl_msg_config_cmd command{};
  command.command = NFQNL_CFG_CMD_BIND;
  mnl_attr_put(request, NFQA_CFG_CMD, sizeof command, &command);
  return netlink::ask(socket, request);
}

Result<int> configure_queue(netlink::Socket& socket, uint16_t queue) {
  alignas(nlmsghdr) std::array<uint8_t, 256> room{};
  nlmsghdr* request = config_request(room, queue, 2);
  nfqnl_msg_config_params parameters{};
  parameters.copy_range = __builtin_bswap32(packet_size);
  parameters.copy_mode = NFQNL_COPY_PACKET;
  // The structure's end is padding, and the kernel checks the size.
  mnl_attr_put(request, NFQA_CFG_PARAMS, sizeof parameters, &parameters);
  mnl_attr_put_u32(request, NFQA_CFG_QUEUE_MAXLEN, __builtin_bswap32(limits::waiting_packets));
  mnl_attr_put_u32(request, NFQA_CFG_FLAGS, __builtin_bswap32(NFQA_CFG_F_UID_GID));
  mnl_attr_put_u32(request, NFQA_CFG_MASK, __builtin_bswap32(NFQA_CFG_F_UID_GID));
  return netlink::ask(socket, request);
}

std::optional<nfqnl_msg_packet_hdr> header_of(const netlink::NetfilterHeader& content) {
  const auto attribute = netlink::find_attribute(content.attributes, NFQA_PACKET_HDR);
  nfqnl_msg_packet_hdr header{};
  if (!attribute || attribute->payload.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, attribute->payload.data(), sizeof header);
  return header;
}

WaitingPacket waiting(uint32_t id, const TcpPacket& packet, WaitingPacket::From from) {
  const bool is_agents = from == WaitingPacket::From::agent;
  return {.id = id,
          .from = from,
          .connection = {.local = is_agents ? packet.source : packet.destination,
                         .remote = is_agents ? packet.destination : packet.source,
                         .local_port = is_agents ? packet.source_port : packet.destination_port,
                         .remote_port = is_agents ? packet.destination_port : packet.source_port},
          .sequence = packet.sequence,
          .acknowledged = (packet.flags & TH_ACK) != 0 ? std::optional(packet.acknowledged) : std::nullopt,
          .begins = (packet.flags & syn_and_ack) == TH_SYN,
          .ends = (packet.flags & TH_FIN) != 0,
          .is_urgent = (packet.flags & TH_URG) != 0,
          .data = packet.data,
          .uid = {}};
}

}  // namespace

FlowQueue::FlowQueue(netlink::Socket socket, FlowMarks marks, uint16_t queue, uint32_t gate_mark)
    : socket_(std::move(socket)),
      marks_(std::move(marks)),
      queue_(queue),
      agents_(agent_marks(gate_mark)),
      buffer_(datagram_size),
      verdicts_(verdicts_at_once * verdict_size) {}

Result<FlowQueue> FlowQueue::open(uint16_t queue, uint32_t gate_mark) {
  netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::netfilter));
  socket.set_receive_buffer(waiting_bytes);
  if (const int error = TRY(bind_queue(socket, queue)); error != 0)
    return std::unexpected(explain(error, queue));
  if (const int error = TRY(configure_queue(socket, queue)); error != 0)
    return std::unexpected(explain(error, queue));
  return FlowQueue(std::move(socket), TRY(FlowMarks::open()), queue, gate_mark);
}

std::optional<WaitingPacket> FlowQueue::read(const netlink::Message& message) {
  const auto content = netlink::netfilter_header(message);
  if (message.type != type_of(NFQNL_MSG_PACKET) || !content) return std::nullopt;
  const auto header = header_of(*content);
  if (!header) return std::nullopt;
  const uint32_t id = __builtin_bswap32(header->packet_id);
  const auto payload = netlink::find_attribute(content->attributes, NFQA_PAYLOAD);
  const auto packet = payload ? parse_tcp_packet(payload->payload) : std::nullopt;
  if (!packet) {
    drop(id);
    return std::nullopt;
  }
  const auto from =
      header->hook == NF_INET_LOCAL_OUT ? WaitingPacket::From::agent : WaitingPacket::From::server;
  WaitingPacket found = waiting(id, *packet, from);
  if (const auto uid = netlink::find_attribute(content->attributes, NFQA_UID)) found.uid = uid->be32();
  return found;
}

Result<std::optional<WaitingPacket>> FlowQueue::next() {
  for (;;) {
    const auto received = TRY(socket_.receive(buffer_));
    if (received.kind == netlink::Received::Kind::nothing) return std::nullopt;
    // Empty after an overrun: the kernel has dropped packets, which their senders send again.
    std::span<const uint8_t> rest = received.data;
    // The kernel sends each packet in a datagram of its own.
    if (const auto message = netlink::next_message(rest))
      if (auto packet = read(*message)) return packet;
  }
}

void FlowQueue::flush() {
  if (verdicts_size_ > 0) (void)socket_.send(std::span(verdicts_).first(std::exchange(verdicts_size_, 0)));
}

void FlowQueue::answer(uint32_t packet, uint32_t verdict) {
  if (verdicts_.size() - verdicts_size_ < verdict_size) flush();
  nlmsghdr* request = netlink::begin_request(verdicts_.data() + verdicts_size_,
                                             {.type = type_of(NFQNL_MSG_VERDICT), .resource = queue_});
  const nfqnl_msg_verdict_hdr content{.verdict = __builtin_bswap32(verdict), .id = __builtin_bswap32(packet)};
  mnl_attr_put(request, NFQA_VERDICT_HDR, sizeof content, &content);
  verdicts_size_ += MNL_ALIGN(request->nlmsg_len);
}

void FlowQueue::pass(uint32_t packet) {
  answer(packet, NF_ACCEPT);
}

void FlowQueue::pass_now(uint32_t packet) {
  pass(packet);
  flush();
}

void FlowQueue::drop(uint32_t packet) {
  answer(packet, NF_DROP);
}

void FlowQueue::reset(uint32_t packet) {
  answer(packet, NF_REPEAT);
}

bool FlowQueue::is_untracked(const inet::Connection& connection) const {
  return untracked_ && connection.local.family() == inet::Family::ipv6;
}

// The rules have marked a new flow, and the kernel's table does not have it yet. What the table has is an earlier flow, for
// which the kernel takes this one. It is forgotten, and the agent's next SYN, a second later, is of a new one. The packets of
// the earlier one are then refused.
bool FlowQueue::begin(const inet::Connection& connection) {
  if (is_untracked(connection)) return untracked_->begin(connection);
  const auto earlier = marks_.read(connection);
  if (!earlier) return false;
  if (*earlier) (void)marks_.remove(connection);
  return !*earlier;
}

bool FlowQueue::follow(const inet::Connection& connection) {
  if (is_untracked(connection)) return untracked_->follow(connection);
  return marks_.write(connection, agents_.requests).value_or(false);
}

bool FlowQueue::permit(const inet::Connection& connection) {
  if (is_untracked(connection)) return untracked_->permit(connection);
  return marks_.write(connection, agents_.permitted).value_or(false);
}

bool FlowQueue::refuse(const inet::Connection& connection) {
  if (is_untracked(connection)) return untracked_->refuse(connection);
  return marks_.write(connection, agents_.misnamed).value_or(false);
}

FlowState FlowQueue::state(const inet::Connection& connection) {
  if (is_untracked(connection)) {
    if (untracked_->is_open(connection)) return FlowState::permitted;
    return untracked_->is_held(connection) ? FlowState::nameless : FlowState::gone;
  }
  const auto found = marks_.read(connection);
  if (!found || !*found) return FlowState::gone;
  const bool waits = **found == agents_.nameless || **found == agents_.requests;
  if (waits) return FlowState::nameless;
  return **found == agents_.permitted ? FlowState::permitted : FlowState::refused;
}

}  // namespace ostiary::nft
