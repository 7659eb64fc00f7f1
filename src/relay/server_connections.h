// relay/server_connections.h: connections to one server: those that are being opened, and those that
// wait for another request.
// - At most idle_connections wait, for at most server_idle. One that the server closes, or over which
//   it sends octets that nothing asked for, is dropped at once.
// - A connection that is no longer wanted while it opens serves the next request. So a client that
//   sends many requests and leaves does not have more connections opened than are used at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/loop.h"
#include "ostiary/inet/destination.h"
#include "relay/exporter.h"
#include "relay/server_stream.h"

namespace ostiary::relay {

class ServerConnections {
 public:
  using Opened = std::function<void(Result<ServerStream>)>;
  struct Parts {
    event::Loop& loop;
    const TlsTrust* trust;  // none: plain text
    std::function<void(Exporter::Connected)> connect;
  };

  ServerConnections(Parts parts, inet::Destination server);

  // One that waits, and is open.
  std::optional<ServerStream> take_idle();
  // Opens another. Calls back once, perhaps within this call, unless the number is forgotten first.
  uint64_t open(Opened opened);
  void forget(uint64_t number);
  // The connection waits for another request.
  void keep(ServerStream stream);

 private:
  struct Opening {
    Opened opened;  // none if it is no longer wanted
    event::Time deadline;
  };
  struct Idle {
    ServerStream stream;
    event::Time deadline;
    event::Watch watch = {};  // destroyed before the stream is closed
  };

  std::optional<uint64_t> unwanted();
  void on_connected(uint64_t number, Result<UniqueFd> socket);
  void look_at(std::list<Idle>::iterator idle);
  void close_overdue();

  Parts parts_;
  inet::Destination server_;
  std::map<uint64_t, Opening> openings_;
  uint64_t last_number_ = 0;
  std::list<Idle> idle_;  // the longest first
  event::Timer idle_timer_;
};

}  // namespace ostiary::relay
