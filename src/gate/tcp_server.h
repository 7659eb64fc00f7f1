// gate/tcp_server.h: receives questions over TCP and sends their answers.
// - A connection can have several unanswered questions. Their answers may come in any order.
// - A malformed frame closes the connection; the rest is as event/stream_server.h says.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "client.h"
#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/loop.h"
#include "ostiary/event/stream_server.h"

namespace ostiary::gate {

class TcpServer {
 public:
  using Handler = std::function<void(std::span<const uint8_t>, const Client&)>;

  // `handler` gets each message.
  TcpServer(event::Loop& loop, std::vector<UniqueFd> listeners, Handler handler);

  Result<> start() { return streams_.start(); }
  void send(const Client& client, std::span<const uint8_t> answer);

 private:
  class Questions;

  Handler handler_;
  event::StreamServer streams_;
};

}  // namespace ostiary::gate
