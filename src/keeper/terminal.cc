#include "ostiary/keeper/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace ostiary::keeper {

Terminal Terminal::find() {
  // A container's first process may have a terminal that is not yet its controlling terminal.
  if (::getsid(0) == ::getpid() && ::isatty(STDIN_FILENO) == 1 && ::tcgetpgrp(STDIN_FILENO) < 0)
    ::ioctl(STDIN_FILENO, TIOCSCTTY, 0);
  Terminal terminal;
  terminal.fd_ = UniqueFd(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  for (int fd = STDIN_FILENO; !terminal.fd_.valid() && fd <= STDERR_FILENO; ++fd)
    if (::tcgetpgrp(fd) >= 0) terminal.fd_ = UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  return terminal;
}

bool Terminal::is_ours() const {
  return belongs_to(::getpgrp());
}

bool Terminal::belongs_to(pid_t group) const {
  return fd_.valid() && ::tcgetpgrp(fd_.get()) == group;
}

void Terminal::give_to(pid_t group) const {
  if (fd_.valid()) ::tcsetpgrp(fd_.get(), group);
}

Resumable resumable() {
  return ::getpgrp() == ::getsid(0) ? Resumable::no : Resumable::yes;
}

}  // namespace ostiary::keeper
