#include "ostiary/base/child.h"

#include <cerrno>
#include <string>

#include <sys/wait.h>

namespace ostiary {

int wait_for_end(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

Result<int> wait_for_exit_status(pid_t child, std::string_view program) {
  const int status = wait_for_end(child);
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return fail(Exit::unavailable, std::string(program) + " was ended by a signal: run the command again");
}

}  // namespace ostiary
