#include "udp_server.h"

#include <algorithm>
#include <compare>
#include <cstring>
#include <utility>

#include <netinet/udp.h>
#include <sys/socket.h>

namespace ostiary::gate {
namespace {

constexpr size_t batch = limits::datagrams_at_once;
static_assert(batch <= 64, "the kernel splits a packet into at most 64 segments");
static_assert(batch * dns::limits::udp_payload_max <= 65507, "a batch to one client is one packet");

std::strong_ordering by_address(const Client& one, const Client& other) {
  if (const auto order = one.address_size <=> other.address_size; order != 0) return order;
  return std::memcmp(&one.address, &other.address, one.address_size) <=> 0;
}

bool by_client_then_longest_first(const Outgoing* one, const Outgoing* other) {
  const auto order = by_address(one->client, other->client);
  return order < 0 || (order == 0 && one->size > other->size);
}

// The first answers that can leave as one packet: they have the same client, and only the last may
// be shorter than the first.
std::span<Outgoing* const> segment_run(std::span<Outgoing* const> answers) {
  size_t length = 1;
  while (length < answers.size() && answers[length - 1]->size == answers[0]->size &&
         by_address(answers[length]->client, answers[0]->client) == 0)
    ++length;
  return answers.first(length);
}

// The arguments of a sendmmsg() call.
class SendBatch {
 public:
  void add(std::span<Outgoing* const> answers) {
    msghdr& header = headers_[count_].msg_hdr;
    header.msg_name = &answers[0]->client.address;
    header.msg_namelen = answers[0]->client.address_size;
    header.msg_iov = &vectors_[used_];
    header.msg_iovlen = answers.size();
    for (Outgoing* each : answers)
      vectors_[used_++] = {.iov_base = each->octets.data(), .iov_len = each->size};
    if (answers.size() > 1) set_segment_size(header, controls_[count_], answers[0]->size);
    ++count_;
  }

  // Tries to send each message. Returns for each whether the socket accepted it.
  std::array<bool, batch> send(int socket) {
    std::array<bool, batch> accepted{};
    for (unsigned first = 0; first < count_;) {
      const int sent = ::sendmmsg(socket, &headers_[first], count_ - first, MSG_DONTWAIT);
      for (int i = 0; i < sent; ++i) accepted[first++] = true;
      if (sent <= 0) ++first;
    }
    return accepted;
  }

 private:
  struct alignas(cmsghdr) Control {
    std::array<uint8_t, CMSG_SPACE(sizeof(uint16_t))> octets;
  };

  static void set_segment_size(msghdr& header, Control& control, size_t octets) {
    header.msg_control = control.octets.data();
    header.msg_controllen = control.octets.size();
    auto& message = *reinterpret_cast<cmsghdr*>(control.octets.data());
    message.cmsg_level = SOL_UDP;
    message.cmsg_type = UDP_SEGMENT;
    message.cmsg_len = CMSG_LEN(sizeof(uint16_t));
    const auto size = static_cast<uint16_t>(octets);
    std::memcpy(CMSG_DATA(&message), &size, sizeof size);
  }

  std::array<mmsghdr, batch> headers_{};
  std::array<iovec, batch> vectors_{};
  std::array<Control, batch> controls_{};
  unsigned count_ = 0;
  size_t used_ = 0;
};

void send_one(int socket, const Outgoing& answer) {
  ::sendto(socket, answer.octets.data(), answer.size, MSG_DONTWAIT,
           reinterpret_cast<const sockaddr*>(&answer.client.address), answer.client.address_size);
}

// A run can fail: the MTU of an interface may be too small, or the interface may be unable to split
// the packet. Then its answers leave one by one. An answer that cannot leave alone is dropped: its
// client is gone.
void send_all(int socket, std::span<Outgoing*> answers) {
  if (answers.size() == 1) return send_one(socket, *answers[0]);
  std::ranges::sort(answers, by_client_then_longest_first);
  SendBatch sending;
  std::array<std::span<Outgoing* const>, batch> runs;
  size_t count = 0;
  for (std::span<Outgoing* const> rest = answers; !rest.empty(); rest = rest.subspan(runs[count++].size())) {
    runs[count] = segment_run(rest);
    sending.add(runs[count]);
  }
  const auto accepted = sending.send(socket);
  std::array<Outgoing*, batch> alone{};
  size_t left = 0;
  for (size_t i = 0; i < count; ++i)
    if (!accepted[i] && runs[i].size() > 1)
      for (Outgoing* each : runs[i]) alone[left++] = each;
  if (left == 0) return;
  SendBatch again;
  for (size_t i = 0; i < left; ++i) again.add(std::span(alone).subspan(i, 1));
  again.send(socket);
}

}  // namespace

UdpServer::UdpServer(event::Loop& loop, std::vector<UniqueFd> sockets, Handler handler)
    : loop_(loop),
      sockets_(std::move(sockets)),
      handler_(std::move(handler)),
      incoming_(batch),
      headers_(batch),
      vectors_(batch),
      senders_(batch),
      outbox_(batch),
      after_batch_(loop, [this] { flush(); }) {
  for (size_t i = 0; i < batch; ++i) {
    vectors_[i] = {.iov_base = incoming_[i].data(), .iov_len = incoming_[i].size()};
    headers_[i].msg_hdr.msg_name = &senders_[i];
    headers_[i].msg_hdr.msg_namelen = sizeof senders_[i];
    headers_[i].msg_hdr.msg_iov = &vectors_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
  }
}

Result<> UdpServer::start() {
  for (uint32_t i = 0; i < sockets_.size(); ++i)
    watches_.push_back(TRY(event::Watch::create(loop_, sockets_[i].get(), EPOLLIN, [this, i](uint32_t) {
      receive(i);
      return Result<>{};
    })));
  return {};
}

// Handles the datagrams that wait at the socket, at most one batch.
void UdpServer::receive(uint32_t socket) {
  const int received = ::recvmmsg(sockets_[socket].get(), headers_.data(), batch, MSG_DONTWAIT, nullptr);
  for (size_t i = 0; i < static_cast<size_t>(std::max(received, 0)); ++i) {
    msghdr& header = headers_[i].msg_hdr;
    const socklen_t size = std::exchange(header.msg_namelen, sizeof senders_[i]);
    if ((header.msg_flags & MSG_TRUNC) != 0) continue;  // longer than any question that is answered
    const Client client{.transport = dns::Transport::udp,
                        .socket = socket,
                        .generation = 0,
                        .address = senders_[i],
                        .address_size = size};
    handler_(std::span(incoming_[i]).first(headers_[i].msg_len), client);
  }
}

void UdpServer::send(const Client& client, std::span<const uint8_t> answer) {
  if (outgoing_ == outbox_.size()) flush();
  Outgoing& next = outbox_[outgoing_++];
  next.client = client;
  next.size = std::min(answer.size(), next.octets.size());
  std::memcpy(next.octets.data(), answer.data(), next.size);
}

void UdpServer::flush() {
  for (uint32_t socket = 0; socket < sockets_.size() && outgoing_ > 0; ++socket) {
    std::array<Outgoing*, batch> answers{};
    size_t count = 0;
    for (Outgoing& each : std::span(outbox_).first(outgoing_))
      if (each.client.socket == socket) answers[count++] = &each;
    if (count == 0) continue;
    send_all(sockets_[socket].get(), std::span(answers).first(count));
  }
  outgoing_ = 0;
}

}  // namespace ostiary::gate
