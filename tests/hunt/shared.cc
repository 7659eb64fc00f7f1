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

}  // namespace ostiary::hunt
