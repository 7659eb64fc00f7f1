// audit/target.h: the target of the audit: a file, a descriptor, standard error or none.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "ostiary/base/result.h"

namespace ostiary::audit {

struct ToFile {
  std::string path;  // absolute, without "." and "..", in a directory below the root
  bool operator==(const ToFile&) const = default;
};
struct ToStandardError {
  bool operator==(const ToStandardError&) const = default;
};
// A descriptor that the program was started with.
struct ToDescriptor {
  int number = -1;  // above standard error
  bool operator==(const ToDescriptor&) const = default;
};
struct ToNobody {
  bool operator==(const ToNobody&) const = default;
};
using Target = std::variant<ToFile, ToStandardError, ToDescriptor, ToNobody>;

// Reads "/var/log/ostiary/audit.jsonl", "fd:7", "stderr" or "none". The caller adds the place to an
// error.
Result<Target> parse_target(std::string_view text);

}  // namespace ostiary::audit
