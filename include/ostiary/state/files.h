// state/files.h: the files of a boot in /run/ostiary, and the lock that allows one boot at a time.
// - Each file is written whole or not at all, and only root can read it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/state/session.h"
#include "ostiary/telemetry/telemetry.h"

namespace ostiary::state {

inline constexpr const char* state_directory = "/run/ostiary";
inline constexpr const char* otel_env_name = "otel.env";
inline constexpr const char* session_name = "session";
inline constexpr const char* status_name = "status.json";
inline constexpr const char* lock_name = "lock";

std::string path_of(std::string_view name);

// The lock on /run/ostiary. A second boot, which users start by mistake instead of `ostiary exec`,
// would remove the files and rules of the first.
// - It is held until the object is destroyed or its process ends.
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

// Removes the files of an earlier boot, except its lock. After this call no stale secret is left.
Result<> remove_stale_files();

Result<> write_otel_env(std::span<const telemetry::Variable> variables);
// Writes the session for `ostiary exec` (state/session.h).
Result<> write_session(const confine::Identity& identity, std::string_view workdir, std::string_view network,
                       std::span<const std::string> environment);
Result<> remove_session();

// The result of the boot, which `ostiary status` prints.
struct Status {
  std::string gate;  // "on" or "off"
  std::string telemetry;
  std::string user;
  std::vector<std::string> rules;
  std::vector<std::string> inbound;
  std::vector<std::string> unresolved;  // names of the plan that did not resolve
  std::string self_test;                // the result; empty if there was none
  std::vector<std::string> allowed_sockets;
  std::string scope;
  std::string tracking;  // families whose connections the kernel tracks; empty if not probed
};
Result<> write_status(const Status& status);

}  // namespace ostiary::state
