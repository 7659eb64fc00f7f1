// relay/gate_link.h: gets connections from the gate (link/connections.h).
// - Each request ends once: with a connected socket, or an error.
// - A gate that died with a request does not answer it: after a time that is an error.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/loop.h"
#include "ostiary/link/connections.h"

namespace ostiary::relay {

class GateLink {
 public:
  using Connected = std::function<void(Result<UniqueFd>)>;

  // The loop must outlive the GateLink. `first_id` is random: an answer to an earlier process, which a reader
  // of the same pair gets, must not look like one to this process.
  GateLink(event::Loop& loop, UniqueFd pair, uint32_t first_id);

  Result<> start();
  // `server` is the place in the gate's list. The callback may run within the call.
  void connect(uint32_t server, Connected connected);

 private:
  struct Waiting {
    Connected connected;
    event::Timer time_limit;
  };

  Result<> receive();
  void end(uint32_t id, Result<UniqueFd> socket);

  event::Loop& loop_;
  UniqueFd pair_;
  uint32_t next_id_;
  std::map<uint32_t, Waiting> waiting_;
  event::Watch watch_;
};

}  // namespace ostiary::relay
