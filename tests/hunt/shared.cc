#include "shared.h"

#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <sys/mman.h>

namespace ostiary::hunt {

Shared& map_shared(const char* path) {
  const int file = ::open(path, O_RDWR | O_CLOEXEC);
  void* const page =
      file < 0 ? MAP_FAILED : ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (page == MAP_FAILED) {
    std::perror(path);
    std::exit(EXIT_FAILURE);
  }
  return *static_cast<Shared*>(page);
}

std::string seed_as_text(uint64_t seed) {
  std::string out(seed_marker);
  for (int digit = 15; digit >= 0; --digit)
    out += "0123456789abcdef"[seed >> (4U * static_cast<unsigned>(digit)) & 15U];
  return out;
}

}  // namespace ostiary::hunt
