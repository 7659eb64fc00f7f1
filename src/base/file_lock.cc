#include "ostiary/base/file_lock.h"

#include <cerrno>

#include <sys/file.h>
#include <unistd.h>

namespace ostiary {

bool lock_file(const UniqueFd& file, std::chrono::milliseconds longest) {
  for (auto left = longest; ::flock(file.get(), LOCK_EX | LOCK_NB) != 0; --left) {
    if (errno != EWOULDBLOCK || left.count() <= 0) return false;
    ::usleep(1000);
  }
  return true;
}

}  // namespace ostiary
