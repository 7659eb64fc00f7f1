// gate/udp_server.h: questions over UDP, received and answered in batches.
// Answers gather in an outbox that flush() sends with one call a socket. Those to one client leave as one
// packet, which the kernel cuts apart where they are received: the way there is what an answer costs. One
// that the socket does not take at once is dropped, as UDP may.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <sys/socket.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/gate/client.h"
#include "ostiary/gate/limits.h"

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

  explicit UdpServer(std::vector<UniqueFd> sockets);

  std::span<const UniqueFd> sockets() const { return sockets_; }

  // Takes in what waits at that socket, up to a batch.
  void receive(uint32_t socket, const Handler& handler);
  void send(const Client& client, std::span<const uint8_t> answer);
  void flush();

 private:
  std::vector<UniqueFd> sockets_;
  std::vector<Datagram> incoming_;
  // Where recvmmsg() puts them: made once, since most calls bring one datagram.
  std::vector<mmsghdr> headers_;
  std::vector<iovec> vectors_;
  std::vector<sockaddr_in6> senders_;
  std::vector<Outgoing> outbox_;
  size_t outgoing_ = 0;
};

}  // namespace ostiary::gate
