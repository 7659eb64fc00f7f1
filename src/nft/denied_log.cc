#include "ostiary/nft/denied_log.h"

#include <algorithm>
#include <array>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>

#include "kernel_state.h"
#include "ostiary/netlink/request.h"
#include "ostiary/nft/ruleset.h"
#include "packet.h"

namespace ostiary::nft {
namespace {

constexpr uint16_t packet_message = NFNL_SUBSYS_ULOG << 8U | NFULNL_MSG_PACKET;
constexpr uint16_t config_message = NFNL_SUBSYS_ULOG << 8U | NFULNL_MSG_CONFIG;
constexpr uint32_t datagram_size = 32768;  // the kernel batches events up to this size
constexpr uint32_t gathered_events = 32;   // or up to this number
constexpr uint32_t gathering_time = 1;     // or for this many hundredths of a second
constexpr int waiting_bytes = 1 << 20;
constexpr int attempts = 8;                         // events can crowd out the kernel's answer
constexpr size_t most_events = datagram_size / 64;  // an event takes at least 64 bytes

Error explain(int error, uint16_t group) {
  return no_listener("log of denied packets (NFLOG group " + std::to_string(group) + ")", error,
                     "nfnetlink_log");
}

nlmsghdr* config_request(std::span<uint8_t> at, uint16_t group, uint32_t sequence) {
  return netlink::begin_request(
      at.data(), {.type = config_message, .flags = NLM_F_ACK, .sequence = sequence, .resource = group});
}

nlmsghdr* command_request(std::span<uint8_t> at, uint16_t group, uint8_t command) {
  nlmsghdr* request = config_request(at, group, 1);
  const nfulnl_msg_config_cmd content{.command = command};
  mnl_attr_put(request, NFULA_CFG_CMD, sizeof content, &content);
  return request;
}

Result<int> bind_group(netlink::Socket& socket, uint16_t group) {
  alignas(nlmsghdr) std::array<uint8_t, 256> buffer{};
  return netlink::ask(socket, command_request(buffer, group, NFULNL_CFG_CMD_BIND));
}

Result<int> configure_group(netlink::Socket& socket, uint16_t group) {
  alignas(nlmsghdr) std::array<uint8_t, 256> buffer{};
  nlmsghdr* request = config_request(buffer, group, 2);
  nfulnl_msg_config_mode mode{};
  mode.copy_range = __builtin_bswap32(limits::logged_bytes);
  mode.copy_mode = NFULNL_COPY_PACKET;
  mnl_attr_put(request, NFULA_CFG_MODE, sizeof mode, &mode);
  mnl_attr_put_u32(request, NFULA_CFG_NLBUFSIZ, __builtin_bswap32(datagram_size));
  mnl_attr_put_u32(request, NFULA_CFG_QTHRESH, __builtin_bswap32(1));
  mnl_attr_put_u16(request, NFULA_CFG_FLAGS, __builtin_bswap16(NFULNL_CFG_F_SEQ));
  return netlink::ask(socket, request);
}

Result<int> gather_in_group(netlink::Socket& socket, uint16_t group) {
  alignas(nlmsghdr) std::array<uint8_t, 256> buffer{};
  nlmsghdr* request = config_request(buffer, group, 3);
  mnl_attr_put_u32(request, NFULA_CFG_QTHRESH, __builtin_bswap32(gathered_events));
  mnl_attr_put_u32(request, NFULA_CFG_TIMEOUT, __builtin_bswap32(gathering_time));
  return netlink::ask(socket, request);
}

Cause cause_of(std::span<const uint8_t> attributes) {
  const auto prefix = netlink::find_attribute(attributes, NFULA_PREFIX);
  if (!prefix) return Cause::no_rule;
  const auto* const found =
      std::ranges::find(causes, prefix->text(), [](Cause cause) { return text(cause); });
  return found == causes.end() ? Cause::no_rule : *found;
}

std::optional<Denied> read_event(std::span<const uint8_t> attributes) {
  const auto payload = netlink::find_attribute(attributes, NFULA_PAYLOAD);
  const auto target = payload ? parse_packet(payload->payload) : std::nullopt;
  if (!target) return std::nullopt;
  Denied denied{.destination = target->destination,
                .protocol = target->protocol,
                .port = target->port.value_or(0),
                .icmp_type = target->icmp_type,
                .cause = cause_of(attributes),
                .uid = {}};
  if (const auto uid = netlink::find_attribute(attributes, NFULA_UID)) denied.uid = uid->be32();
  return denied;
}

}  // namespace

DeniedLog::DeniedLog(netlink::Socket socket, uint16_t group)
    : socket_(std::move(socket)), group_(group), buffer_(2 * datagram_size) {
  events_.reserve(most_events);
}

Result<DeniedLog> DeniedLog::open(uint16_t group) {
  netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::netfilter));
  socket.set_receive_buffer(waiting_bytes);
  if (const int error = TRY(bind_group(socket, group)); error != 0)
    return std::unexpected(explain(error, group));
  if (const int error = TRY(configure_group(socket, group)); error != 0)
    return std::unexpected(explain(error, group));
  return DeniedLog(std::move(socket), group);
}

Result<> DeniedLog::gather() {
  int error = TRY(gather_in_group(socket_, group_));
  for (int again = 0; error == ENOBUFS && again < attempts; ++again)
    error = TRY(gather_in_group(socket_, group_));
  if (error != 0) return std::unexpected(explain(error, group_));
  return {};
}

// The events are queued before the kernel's answer, which read() skips.
Result<> DeniedLog::end() {
  alignas(nlmsghdr) std::array<uint8_t, 256> buffer{};
  return netlink::send(socket_, command_request(buffer, group_, NFULNL_CFG_CMD_UNBIND));
}

void DeniedLog::take(const netlink::Message& message) {
  const auto content = netlink::netfilter_header(message);
  if (message.type != packet_message || !content) return;
  // The kernel numbers every packet, including those for which it then has no room.
  if (const auto number = netlink::find_attribute(content->attributes, NFULA_SEQ); number && number->be32()) {
    lost_ += static_cast<uint32_t>(*number->be32() - next_sequence_);
    next_sequence_ = *number->be32() + 1;
  }
  const auto denied = read_event(content->attributes);
  if (denied && events_.size() < most_events)
    events_.push_back(*denied);
  else
    ++lost_;
}

Result<std::span<const Denied>> DeniedLog::read() {
  events_.clear();
  for (;;) {
    const auto received = TRY(socket_.receive(buffer_));
    // After an overrun the next sequence number shows how many events were lost.
    if (received.kind == netlink::Received::Kind::overrun) continue;
    std::span<const uint8_t> rest = received.data;
    while (const auto message = netlink::next_message(rest)) take(*message);
    if (received.kind == netlink::Received::Kind::nothing || !events_.empty())
      return std::span<const Denied>(events_);
  }
}

}  // namespace ostiary::nft
