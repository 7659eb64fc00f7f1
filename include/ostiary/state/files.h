// state/files.h: /run/ostiary, the directory of a boot: its lock, its session, its status and
// otel.env.
// - The directory is opened once. Symbolic links in its path are refused.
// - Each file is written whole or not at all, and only root can read it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
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

// The path of a file, for the plan and for messages.
std::string path_of(std::string_view name);

// The result of the boot, which `ostiary status` prints.
struct Status {
  std::string gate;  // "on" or "off"
  std::string telemetry;
  std::string user;
  std::vector<std::string> rules;
  std::vector<std::string> relayed;  // servers that the relay alone reaches
  std::vector<std::string> inbound;
  std::vector<std::string> unresolved;  // names of the plan that did not resolve
  std::string self_test;                // the result; empty if there was none
  std::vector<std::string> allowed_sockets;
  std::string scope;
  std::string
      check_names;       // how the kernel holds flows until the gate knows their name; empty if it does not
  std::string tracking;  // families whose connections the kernel tracks; empty if not probed
};

// The directory of this boot, and its lock. A second boot, which users start by mistake instead of
// `ostiary exec`, would remove the files and rules of the first.
// - The lock is held until the object is destroyed or its process ends.
// - No child keeps the lock past an exec.
// - Only root can open the lock's file, so no agent but root can hold the lock.
class Directory {
 public:
  // Makes a missing directory. An error if another boot holds the lock. Nothing of that boot is
  // changed then.
  static Result<Directory> claim(std::string path = state_directory);

  // Removes the files of an earlier boot, except its lock. After this call no stale secret is left.
  Result<> remove_stale_files() const;
  Result<> write_otel_env(std::span<const telemetry::Variable> variables) const;
  // Writes the session for `ostiary exec` (state/session.h).
  Result<> write_session(const confine::Identity& identity, std::string_view workdir,
                         std::string_view network, std::span<const std::string> environment) const;
  Result<> remove_session() const;
  Result<> remove_otel_env() const;
  Result<> write_status(const Status& status) const;

 private:
  Directory(std::string path, UniqueFd directory, UniqueFd lock)
      : path_(std::move(path)), directory_(std::move(directory)), lock_(std::move(lock)) {}
  Result<> replace(const char* name, std::string_view content) const;
  Result<> remove(const char* name) const;

  std::string path_;
  UniqueFd directory_;
  UniqueFd lock_;
};

// The directory as other commands find it: of a boot that runs, or of one that has ended.
class FoundDirectory {
 public:
  // Without a directory it has no file.
  static Result<FoundDirectory> find(std::string path = state_directory);

  bool has(const char* name) const;
  Result<std::string> read(const char* name) const;
  // Whether a boot holds the lock.
  Result<bool> is_claimed() const;

 private:
  FoundDirectory(std::string path, UniqueFd directory)
      : path_(std::move(path)), directory_(std::move(directory)) {}

  std::string path_;
  UniqueFd directory_;  // invalid if there is none
};

}  // namespace ostiary::state
