#include "ostiary/base/standard_descriptors.h"

#include <fcntl.h>
#include <unistd.h>

namespace ostiary {

Result<> fill_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // open() returns the lowest free number, which is `fd`: every lower number is open by now.
    if (::open("/dev/null", O_RDWR) != fd)
      return std::unexpected(Error::system("/dev/null", Exit::unavailable));
  }
  return {};
}

}  // namespace ostiary
