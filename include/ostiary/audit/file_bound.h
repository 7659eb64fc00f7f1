// audit/file_bound.h: how large a file of the journal may become.
#pragma once

#include <cstdint>

#include "ostiary/audit/limits.h"

namespace ostiary::audit {

class FileBound {
 public:
  // Of what all files may hold together.
  static constexpr FileBound share_of(uint64_t octets) { return FileBound(octets / limits::files); }
  // Of one file.
  static constexpr FileBound of_file(uint64_t octets) { return FileBound(octets); }
  static constexpr FileBound none() { return FileBound(0); }

  // 0 where there is none.
  constexpr uint64_t octets() const { return octets_; }
  constexpr bool allows(uint64_t size) const { return octets_ == 0 || size <= octets_; }
  // There is room for what is still written while a new file is being made.
  constexpr bool is_due(uint64_t size) const { return octets_ != 0 && size > octets_ / 4 * 3; }

 private:
  constexpr explicit FileBound(uint64_t octets) : octets_(octets) {}
  uint64_t octets_;
};

}  // namespace ostiary::audit
