// audit/file_bound.h: the maximum size of one file of the journal.
#pragma once

#include <cstdint>

#include "ostiary/audit/limits.h"

namespace ostiary::audit {

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
