// relay/intake.h: takes telemetry from the agent over HTTP, on loopback.
// - The answer to a whole, well-formed request is 200 when it is kept, before the collector has it:
//   exporters drop what they cannot send within ten seconds.
// - The agent may be hostile. A request that is refused ends its connection, and limits.h bounds what
//   all connections together can hold.
#pragma once

#include <functional>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/loop.h"
#include "ostiary/event/stream_server.h"
#include "relay/post.h"

namespace ostiary::relay {

// `not_exported`: the signal has no collector. `reserved`: the request claims a name that is not the agent's.
enum class Taken : uint8_t { yes, malformed, too_deep, reserved, not_exported, no_room };

class Intake {
 public:
  using Handler = std::function<Taken(Post)>;

  Intake(event::Loop& loop, std::vector<UniqueFd> listeners, Handler handler);

  Result<> start() { return streams_.start(); }

 private:
  class Requests;

  Handler handler_;
  size_t octets_in_progress_ = 0;
  event::StreamServer streams_;
};

}  // namespace ostiary::relay
