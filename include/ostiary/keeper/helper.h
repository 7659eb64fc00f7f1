// keeper/helper.h: a process of ours, such as the gate, that the supervisor serves while the agent
// runs.
// - An error from any method ends the agent at once.
#pragma once

#include <span>

#include <sys/types.h>

#include "ostiary/base/result.h"
#include "ostiary/event/deadline.h"

namespace ostiary::keeper {

class Helper {
 public:
  virtual ~Helper() = default;

  // The helper's process, which does not count as one of the agent's. 0 if there is none now.
  virtual pid_t process() const = 0;
  // The supervisor calls look() when a descriptor is readable or the deadline has passed.
  virtual std::span<const int> descriptors() const = 0;
  virtual event::Deadline deadline() const = 0;
  virtual Result<> look() = 0;
  // The supervisor has reaped the helper's process.
  virtual Result<> on_end(int wait_status) = 0;
};

}  // namespace ostiary::keeper
