#include "udp_server.h"

#include <algorithm>
#include <cstring>

#include <sys/socket.h>

namespace ostiary::gate {

UdpServer::UdpServer(std::vector<UniqueFd> sockets)
    : sockets_(std::move(sockets)), incoming_(batch), outbox_(batch) {}

void UdpServer::receive(uint32_t socket, const Handler& handler) {
  std::array<mmsghdr, batch> headers{};
  std::array<iovec, batch> vectors{};
  std::array<sockaddr_in6, batch> senders{};
  for (size_t i = 0; i < batch; ++i) {
    vectors[i] = {.iov_base = incoming_[i].data(), .iov_len = incoming_[i].size()};
    headers[i].msg_hdr.msg_name = &senders[i];
    headers[i].msg_hdr.msg_namelen = sizeof senders[i];
    headers[i].msg_hdr.msg_iov = &vectors[i];
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  const int received = ::recvmmsg(sockets_[socket].get(), headers.data(), batch, MSG_DONTWAIT, nullptr);
  for (size_t i = 0; i < static_cast<size_t>(std::max(received, 0)); ++i) {
    const msghdr& header = headers[i].msg_hdr;
    if ((header.msg_flags & MSG_TRUNC) != 0) continue;  // longer than any question
    const Client client{.transport = dns::Transport::udp,
                        .socket = socket,
                        .generation = 0,
                        .address = senders[i],
                        .address_size = header.msg_namelen};
    handler(std::span(incoming_[i]).first(headers[i].msg_len), client);
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
    std::array<mmsghdr, batch> headers{};
    std::array<iovec, batch> vectors{};
    unsigned count = 0;
    for (Outgoing& each : std::span(outbox_).first(outgoing_)) {
      if (each.client.socket != socket) continue;
      vectors[count] = {.iov_base = each.octets.data(), .iov_len = each.size};
      msghdr& header = headers[count].msg_hdr;
      header.msg_name = &each.client.address;
      header.msg_namelen = each.client.address_size;
      header.msg_iov = &vectors[count];
      header.msg_iovlen = 1;
      ++count;
    }
    // A send that fails (its client is gone) is passed over, and the ones behind it are sent.
    for (unsigned first = 0; first < count;) {
      const int sent =
          ::sendmmsg(sockets_[socket].get(), headers.data() + first, count - first, MSG_DONTWAIT);
      first += sent > 0 ? static_cast<unsigned>(sent) : 1U;
    }
  }
  outgoing_ = 0;
}

}  // namespace ostiary::gate
