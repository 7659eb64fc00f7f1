// state/instance_lock.h: allows one boot at a time.
// - A second boot would remove the files and rules of the first. Users start one by mistake instead
//   of `ostiary exec`.
#pragma once

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::state {

// The lock on /run/ostiary, held until the object is destroyed or its process ends.
// - No child keeps the lock past an exec.
// - Only root can open the lock's file, so no agent but root can hold the lock.
class InstanceLock {
 public:
  // An error if another boot holds the lock. Nothing of that boot is changed then.
  static Result<InstanceLock> claim();
  // Whether a boot holds the lock.
  static Result<bool> is_claimed();

 private:
  explicit InstanceLock(UniqueFd lock) : lock_(std::move(lock)) {}
  UniqueFd lock_;
};

}  // namespace ostiary::state
