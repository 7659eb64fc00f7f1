#include "rest.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>

#include <malloc.h>
#include <sys/mman.h>

#include "ostiary/base/c_handle.h"

namespace ostiary::keeper {

void release_memory() noexcept {
  ::malloc_trim(0);
  const std::unique_ptr<FILE, CDelete<fclose>> maps{::fopen("/proc/self/maps", "re")};
  if (!maps) return;
  char line[512];
  while (::fgets(line, sizeof line, maps.get()) != nullptr) {
    uintptr_t first = 0;
    uintptr_t end = 0;
    // Program text is never written to, so dropping its pages loses no data.
    const bool is_range =
        std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &first, &end) == 2;  // NOLINT(cert-err34-c)
    // NOLINTBEGIN(performance-no-int-to-ptr)
    if (is_range && std::strstr(line, " r-xp ") != nullptr && std::strchr(line, '/') != nullptr)
      ::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
    // NOLINTEND(performance-no-int-to-ptr)
  }
}

}  // namespace ostiary::keeper
