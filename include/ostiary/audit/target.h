// audit/target.h: the target of the audit: a file, a descriptor, standard error or none. And the
// maximum size of a file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "ostiary/audit/limits.h"
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

// The maximum size of one file of the journal.
class FileBound {
 public:
  // From the maximum total size of all files.
  static constexpr FileBound share_of(uint64_t octets) { return FileBound(octets / limits::files); }
  // From the maximum size of one file.
  static constexpr FileBound of_file(uint64_t octets) { return FileBound(octets); }
  static constexpr FileBound none() { return FileBound(0); }

  // 0: no maximum.
  constexpr uint64_t octets() const { return octets_; }
  constexpr bool allows(uint64_t size) const { return octets_ == 0 || size <= octets_; }
  // Whether to begin a new file. The last quarter is room for lines that are written meanwhile.
  constexpr bool is_due(uint64_t size) const { return octets_ != 0 && size > octets_ / 4 * 3; }

 private:
  constexpr explicit FileBound(uint64_t octets) : octets_(octets) {}
  uint64_t octets_;
};

}  // namespace ostiary::audit
