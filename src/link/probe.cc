#include "ostiary/link/probe.h"

#include <array>
#include <string>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "ostiary/base/child.h"
#include "ostiary/base/replace_file.h"
#include "ostiary/link/relay.h"

namespace ostiary::relay {
namespace {

Result<UniqueFd> setup_file(const Setup& setup) {
  UniqueFd file{::memfd_create("ostiary-probe", MFD_CLOEXEC)};
  if (!file.valid()) return std::unexpected(Error::system("memfd_create", Exit::unavailable));
  TRY(write_all(file, render_setup(setup), "the probe's setup", Exit::unavailable));
  if (::lseek(file.get(), 0, SEEK_SET) != 0)
    return std::unexpected(Error::system("the probe's setup", Exit::unavailable));
  return file;
}

// A copy above the numbers that dup2() replaces.
Result<UniqueFd> moved(const UniqueFd& fd) {
  UniqueFd copy{::fcntl(fd.get(), F_DUPFD_CLOEXEC, probe_credentials_fd + 1)};
  if (!copy.valid()) return std::unexpected(Error::system("a descriptor", Exit::unavailable));
  return copy;
}

// Runs in the child.
// It ends with its parent, which may be stopped while a server keeps it waiting.
[[noreturn]] void become_probe(const UniqueFd& program, const UniqueFd& setup, const UniqueFd& credentials) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(setup.get(), probe_setup_fd);
  ::dup2(credentials.get(), probe_credentials_fd);
  std::array<char*, 3> arguments{const_cast<char*>(description.process_name),
                                 const_cast<char*>(probe_argument), nullptr};
  std::array<char*, 1> environment{nullptr};
  ::execveat(program.get(), "", arguments.data(), environment.data(), AT_EMPTY_PATH);
  ::_exit(static_cast<int>(Exit::not_executable));
}

}  // namespace

Result<int> run_probe(const Setup& setup, const Credentials& credentials) {
  const UniqueFd program = TRY(moved(TRY(open_program(""))));
  const UniqueFd given = TRY(moved(TRY(setup_file(setup))));
  const UniqueFd secrets = TRY(moved(TRY(credentials_pipe(credentials))));
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected(Error::system("fork", Exit::unavailable));
  if (child == 0) become_probe(program, given, secrets);
  return wait_for_exit_status(child, file_name);
}

}  // namespace ostiary::relay
