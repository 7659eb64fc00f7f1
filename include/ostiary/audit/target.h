// audit/target.h: where the audit goes.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "ostiary/base/result.h"

namespace ostiary::audit {

struct ToFile {
  std::string path;  // absolute, without "." and "..", below a directory
  bool operator==(const ToFile&) const = default;
};
struct ToStandardError {
  bool operator==(const ToStandardError&) const = default;
};
// One that the program was started with.
struct ToDescriptor {
  int number = -1;  // above standard error
  bool operator==(const ToDescriptor&) const = default;
};
struct ToNobody {
  bool operator==(const ToNobody&) const = default;
};
using Target = std::variant<ToFile, ToStandardError, ToDescriptor, ToNobody>;

// "/var/log/ostiary/audit.jsonl", "fd:7", "stderr" or "none". The caller adds where the text stands.
Result<Target> parse_target(std::string_view text);

}  // namespace ostiary::audit
