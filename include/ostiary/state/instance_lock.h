// state/instance_lock.h: one boot at a time. A second one, by a command that should have been `ostiary exec`,
// would take the first one's files and rules away.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::state {

// The claim to /run/ostiary, for as long as it lives in the process that made it; no child inherits it past
// exec. Where another boot runs, an error, and nothing was touched. Its file is root's alone, so that no
// agent but root can hold it.
class InstanceLock {
 public:
  static Result<InstanceLock> claim();
  // Whether some boot has it.
  static Result<bool> is_claimed();

 private:
  explicit InstanceLock(UniqueFd lock) : lock_(std::move(lock)) {}
  UniqueFd lock_;
};

}  // namespace ostiary::state
