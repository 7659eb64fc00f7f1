// gate/tcp_server.h: receives questions over TCP and sends their answers.
// - A connection can have several unanswered questions. Their answers may come in any order.
// - The server closes a connection that sends a malformed frame, that has sent no complete message
//   for limits::tcp_idle, or that does not read its answers.
// - At the maximum of connections or of descriptors it closes the connection that is idle longest.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "client.h"
#include "limits.h"
#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/dns/tcp_frame.h"
#include "ostiary/event/loop.h"

namespace ostiary::gate {

class TcpServer {
 public:
  using Handler = std::function<void(std::span<const uint8_t>, const Client&)>;

  // `handler` gets each message.
  TcpServer(event::Loop& loop, std::vector<UniqueFd> listeners, Handler handler);

  Result<> start();
  void send(const Client& client, std::span<const uint8_t> answer);

 private:
  struct Connection {
    UniqueFd fd;
    event::Watch watch = {};
    uint32_t generation = 0;
    dns::TcpFrames frames = {};
    std::vector<uint8_t> unsent = {};
    event::Time idle_deadline = {};
  };

  void accept(const UniqueFd& listener);
  uint32_t free_connection();
  void close_longest_idle();
  void close(Connection& connection);
  void serve(uint32_t number, uint32_t events);
  void read(Connection& connection, uint32_t number);
  bool take(Connection& connection, uint32_t number, std::span<const uint8_t> octets);
  void write(Connection& connection);
  void close_overdue();
  void set_idle_timer();

  event::Loop& loop_;
  std::vector<UniqueFd> listeners_;
  Handler handler_;
  std::vector<Connection> connections_;
  event::Timer idle_timer_;
  std::vector<event::Watch> watches_;  // of the listeners
};

}  // namespace ostiary::gate
