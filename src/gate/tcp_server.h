// gate/tcp_server.h: questions over TCP: several at a time on one connection, answered as they are found.
// A connection that sends what is no question, is idle or half way through one for too long, or does not take
// its answers, is closed. At the bound of connections, or of descriptors, the longest idle one makes room.
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

  // Connections are watched by `epoll`, each with the token `first_token` + its number. Both outlive this.
  TcpServer(std::vector<UniqueFd> listeners, event::Epoll& epoll, uint64_t first_token);

  std::span<const UniqueFd> listeners() const { return listeners_; }

  void accept(uint32_t listener, Time now);
  // Something happened to that connection.
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
    Time overdue;
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
  size_t open_ = 0;  // of the connections
};

}  // namespace ostiary::gate
