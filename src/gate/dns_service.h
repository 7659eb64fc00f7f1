// gate/dns_service.h: answers the agent's questions over UDP and TCP.
#pragma once

#include <span>
#include <vector>

#include "answerer.h"
#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/loop.h"
#include "tcp_server.h"
#include "udp_server.h"

namespace ostiary::gate {

struct DnsSockets {
  std::vector<UniqueFd> udp;
  std::vector<UniqueFd> tcp;  // listening
};

class DnsService {
 public:
  // The loop must outlive the DnsService, and so must all that the answerer depends on.
  DnsService(event::Loop& loop, DnsSockets sockets, Answerer::Dependencies dependencies, Terms terms);

  Result<> start();
  Answerer& answerer() { return answerer_; }

 private:
  void take(std::span<const uint8_t> message, const Client& client);
  void send(const Client& client, std::span<const uint8_t> answer);

  event::Loop& loop_;
  Answerer answerer_;
  UdpServer udp_;
  TcpServer tcp_;
};

}  // namespace ostiary::gate
