// gate/udp_server.h: receives questions over UDP and sends their answers, in batches.
// - send() puts an answer into the outbox. After each batch of events the server sends the outbox,
//   usually with one system call for each socket.
// - Answers to one client leave as one packet, which the kernel splits at the receiving socket
//   (UDP_SEGMENT). A packet's path through the network stack is most of an answer's cost.
// - An answer that the socket does not accept at once is dropped.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <vector>

#include <sys/socket.h>

#include "client.h"
#include "limits.h"
#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/loop.h"

namespace ostiary::gate {

using Datagram = std::array<uint8_t, 2048>;
static_assert(sizeof(Datagram) >= dns::limits::udp_payload_max, "every answer over UDP fits");

struct Outgoing {
  Client client;
  size_t size = 0;
  Datagram octets;
};

class UdpServer {
 public:
  using Handler = std::function<void(std::span<const uint8_t>, const Client&)>;

  // `handler` gets each message.
  UdpServer(event::Loop& loop, std::vector<UniqueFd> sockets, Handler handler);

  Result<> start();
  void send(const Client& client, std::span<const uint8_t> answer);

 private:
  void receive(uint32_t socket);
  void flush();

  event::Loop& loop_;
  std::vector<UniqueFd> sockets_;
  Handler handler_;
  std::vector<Datagram> incoming_;
  // The arguments of recvmmsg(). They are built once, because most calls receive one datagram.
  std::vector<mmsghdr> headers_;
  std::vector<iovec> vectors_;
  std::vector<sockaddr_in6> senders_;
  std::vector<Outgoing> outbox_;
  size_t outgoing_ = 0;
  event::IdleHook after_batch_;
  std::vector<event::Watch> watches_;
};

}  // namespace ostiary::gate
