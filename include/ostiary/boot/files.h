// boot/files.h: the files a boot leaves, each written whole or not at all.
#pragma once

#include <string>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/boot/plan.h"

namespace ostiary::boot {

inline constexpr const char* state_directory = "/run/ostiary";
inline constexpr const char* otel_env_name = "otel.env";
inline constexpr const char* session_name = "session";
inline constexpr const char* status_name = "status.json";
inline constexpr const char* lock_name = "lock";
inline constexpr const char* managed_settings_directory = "/etc/claude-code/managed-settings.d";
inline constexpr const char* managed_settings_name = "50-ostiary.json";

// The paths of what the plan will write.
std::vector<std::string> files_of(const Plan& plan);

// What an earlier boot left: after this, no stale secret and no stale lock is there.
Result<> remove_stale_files();

Result<> write_otel_env(const Plan& plan);
Result<> write_session(const Plan& plan);
Result<> remove_session();
Result<> write_managed_settings(const Plan& plan);

// How the boot went, for `ostiary status`.
struct Status {
  std::vector<std::string> unresolved;  // names of the plan
  std::string self_test;                // empty where there was none
  std::string tracking;                 // families whose connections the kernel knows; likewise
};
Result<> write_status(const Plan& plan, const Status& status);

}  // namespace ostiary::boot
