// event/stream_server.h: accepts connections of clients that may be hostile, and limits what each of
// them can hold.
// - The server closes a connection that has completed no message for StreamLimits::idle, or that does
//   not read what it is sent. A stream can set the time at which its connection closes.
// - A stream that cannot take more octets pauses. Its connection still closes when the client closes.
// - At the maximum of connections or of descriptors it closes the connection that is idle longest. One without
//   a deadline is busy: if all are, the new connection is closed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/loop.h"

namespace ostiary::event {

struct StreamLimits {
  size_t connections = 0;
  size_t unsent_octets = 0;  // of one connection
  size_t read_octets = 0;    // at a time; other connections and services wait meanwhile
  std::chrono::seconds idle{};
};

// A connection. The number may be in use by a later one, of another generation.
struct StreamId {
  uint32_t number = 0;
  uint32_t generation = 0;
};

// The protocol of one connection: it divides the octets into messages. It ends with its connection, and
// once the server closes. So it must hold itself while it sends, except within the calls below.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  enum class Taken : uint8_t { part_of_message, end_of_message, malformed };

  virtual ~Stream() = default;
  // `end_of_message`: a message has ended, also if the next one has begun.
  // May send. Then the connection may be closed: StreamServer::is_open().
  virtual Taken take(std::span<const uint8_t> octets) = 0;
  // The client has read slowly, and now there are no unsent octets.
  virtual void drained() {}
};

class StreamServer {
 public:
  using MakeStream = std::function<std::shared_ptr<Stream>(StreamId)>;
  // What follows when the octets are sent. `close` discards what the client still sends.
  enum class Then : uint8_t { keep, close };

  // The connections inherit the options of their listener. Without TCP_NODELAY the second of two answers
  // waits until the client acknowledges the first.
  StreamServer(Loop& loop, std::vector<UniqueFd> listeners, StreamLimits limits, MakeStream make_stream);

  Result<> start();
  bool is_open(StreamId id) const;
  // Nothing is sent if the connection is not open.
  void send(StreamId id, std::span<const uint8_t> octets, Then then = Then::keep);
  size_t unsent_octets(StreamId id) const;
  // Without effect if the connection is not open:
  void pause(StreamId id);
  void go_on(StreamId id);
  void set_deadline(StreamId id, Time deadline);  // in place of StreamLimits::idle
  // Closes at once. Unsent octets are lost.
  void cut(StreamId id);

 private:
  struct Connection {
    UniqueFd fd;
    Watch watch = {};
    uint32_t generation = 0;
    std::shared_ptr<Stream> stream;  // none once the server closes
    Then then = Then::keep;
    bool is_paused = false;
    std::vector<uint8_t> unsent = {};
    Time idle_deadline = {};
  };

  void accept(const UniqueFd& listener);
  std::optional<uint32_t> free_connection();
  void close_longest_idle();
  void close(Connection& connection);
  void serve(uint32_t number, uint32_t events);
  void read(Connection& connection);
  void take(Connection& connection, std::span<const uint8_t> octets);
  void write(Connection& connection);
  void tell_if_drained(Connection& connection);
  void watch(Connection& connection);
  void close_overdue();
  void set_idle_timer();

  Loop& loop_;
  std::vector<UniqueFd> listeners_;
  StreamLimits limits_;
  MakeStream make_stream_;
  std::vector<Connection> connections_;
  std::vector<uint8_t> read_;
  Timer idle_timer_;
  std::vector<Watch> watches_;  // of the listeners
};

}  // namespace ostiary::event
