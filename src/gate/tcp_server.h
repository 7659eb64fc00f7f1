// gate/tcp_server.h: receives questions over TCP and sends their answers.
// - A connection can have several unanswered questions. Their answers may come in any order.
// - The server closes a connection that sends a malformed frame, that has sent no complete message
//   for limits::tcp_idle, or that does not read its answers.
// - At the maximum of connections or of descriptors it closes the connection that is idle longest.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/dns/tcp_frame.h"
#include "ostiary/event/epoll.h"
#include "ostiary/gate/client.h"
#include "ostiary/gate/limits.h"

namespace ostiary::gate {

class TcpServer {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Handler = std::function<void(std::span<const uint8_t>, const Client&)>;

  // `epoll` watches each connection, with the token `first_token` + its number. It must outlive the
  // TcpServer.
  TcpServer(std::vector<UniqueFd> listeners, event::Epoll& epoll, uint64_t first_token);

  std::span<const UniqueFd> listeners() const { return listeners_; }

  void accept(uint32_t listener, Time now);
  // Handles the events that epoll reports for a connection.
  void serve(uint32_t connection, uint32_t events, const Handler& handler, Time now);
  void send(const Client& client, std::span<const uint8_t> answer);

  event::Deadline deadline() const;
  void close_overdue(Time now);

 private:
  struct Connection {
    UniqueFd fd;
    uint32_t generation = 0;
    dns::TcpFrames frames;
    std::vector<uint8_t> unsent;
    Time idle_deadline;
  };

  uint32_t free_connection();
  void close_longest_idle();
  void close(Connection& connection);
  void read(Connection& connection, uint32_t number, const Handler& handler, Time now);
  bool take(Connection& connection, uint32_t number, std::span<const uint8_t> octets, const Handler& handler);
  void write(Connection& connection, uint32_t number);

  std::vector<UniqueFd> listeners_;
  event::Epoll& epoll_;
  uint64_t first_token_;
  std::vector<Connection> connections_;
  size_t open_ = 0;  // the number of open connections
};

}  // namespace ostiary::gate
