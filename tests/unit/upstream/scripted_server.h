// A DNS server on loopback, over UDP and TCP, that follows a script. It has no thread: the test
// calls serve().
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include "dns/message_builder.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/upstream/server.h"

namespace ostiary::upstream::testing {

using dns::testing::Bytes;

struct Asked {
  enum class Over : uint8_t { udp, tcp };

  Bytes query;
  Over over = Over::udp;
  sockaddr_storage from{};
  uint16_t from_port = 0;
  std::optional<uint32_t> mark;  // of the packet, if this kernel reports it
  size_t connection = 0;         // over TCP

  uint16_t id() const { return static_cast<uint16_t>(query[0] << 8 | query[1]); }
  // The name in the question, such as "host.example".
  std::string name() const;
};

class ScriptedServer {
 public:
  using Script = std::function<void(ScriptedServer&, const Asked&)>;

  // Listens on `address` ("127.0.0.1" or "::1"), at a port that the kernel chooses.
  ScriptedServer(const char* address, Script script);

  Server server() const { return server_; }
  // The questions so far, in order.
  const std::vector<Asked>& asked() const { return asked_; }

  void send(const Asked& to, const Bytes& message);
  void close_connections() { connections_.clear(); }
  void stop() {
    udp_.reset();
    tcp_.reset();
    connections_.clear();
  }
  void serve();
  std::vector<int> descriptors() const;

 private:
  struct Connection {
    UniqueFd fd;
    Bytes received;
    std::optional<uint32_t> mark;
  };

  void serve_udp();
  void serve_tcp();
  void receive(size_t connection);
  void take(Asked asked);

  Server server_;
  Script script_;
  UniqueFd udp_;
  UniqueFd tcp_;
  std::vector<Connection> connections_;
  std::vector<Asked> asked_;
};

// The honest reply: one A record. Another ID, question or flags make it dishonest.
struct Shape {
  uint16_t id_change = 0;
  std::string_view name{};  // empty: the name in the question
  size_t flags = dns::testing::good_reply;
  size_t records = 1;
};
Bytes reply_to(const Asked& asked, const Bytes& address, const Shape& shape = {});

}  // namespace ostiary::upstream::testing
