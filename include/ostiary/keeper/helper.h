// keeper/helper.h: something of ours that is looked after while the agent's processes run, such as the gate.
// An error from any of these ends the agent at once.
#pragma once

#include <span>

#include <sys/types.h>

#include "ostiary/base/result.h"
#include "ostiary/event/deadline.h"

namespace ostiary::keeper {

class Helper {
 public:
  virtual ~Helper() = default;

  // Its process, which is not one of the agent's; 0 where there is none just now.
  virtual pid_t process() const = 0;
  // What to watch; look() is called when one is readable, or when the deadline has passed.
  virtual std::span<const int> descriptors() const = 0;
  virtual event::Deadline deadline() const = 0;
  virtual Result<> look() = 0;
  // Its process has ended and was reaped.
  virtual Result<> on_end(int wait_status) = 0;
};

}  // namespace ostiary::keeper
