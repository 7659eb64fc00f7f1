#include "descriptors.h"

#include <cstdlib>
#include <string>

#include <dirent.h>
#include <fcntl.h>

#include "ostiary/base/directory.h"

namespace ostiary::confine {
namespace {

Result<> close_at_exec(int fd) {
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || (::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
    return std::unexpected(
        Error::system("cannot mark descriptor " + std::to_string(fd) + " to close at exec"));
  return {};
}

}  // namespace

Result<> close_descriptors_at_exec() {
  const Directory directory{::opendir("/proc/self/fd")};
  if (!directory) return std::unexpected(Error::system("/proc/self/fd"));
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] == '.') continue;
    if (const int fd = std::atoi(entry->d_name); fd > 2) TRY(close_at_exec(fd));
    errno = 0;
  }
  if (errno != 0) return std::unexpected(Error::system("/proc/self/fd"));
  return {};
}

}  // namespace ostiary::confine
