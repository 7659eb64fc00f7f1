#include "ostiary/state/instance_lock.h"

#include <cerrno>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>

#include "ostiary/base/guarded_directory.h"
#include "ostiary/state/files.h"

namespace ostiary::state {
namespace {

std::string lock_path() {
  return std::string(state_directory) + "/" + lock_name;
}

// A root agent can replace the lock's file with a link, a directory or a socket.
std::unexpected<Error> cannot_open_lock() {
  const bool is_replaced = errno == ELOOP || errno == EISDIR || errno == ENXIO;
  Error error = Error::system(lock_path(), Exit::unavailable);
  if (is_replaced) error.message += ": remove it";
  return std::unexpected(std::move(error));
}

}  // namespace

Result<InstanceLock> InstanceLock::claim() {
  const UniqueFd directory = TRY(make_own_directory(state_directory));
  UniqueFd lock{::openat(directory.get(), lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!lock.valid()) return cannot_open_lock();
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return InstanceLock(std::move(lock));
  if (errno == EWOULDBLOCK)
    return fail(Exit::unavailable,
                "ostiary runs here already: for another session write \"ostiary exec -- COMMAND\"");
  return std::unexpected(Error::system(lock_path(), Exit::unavailable));
}

Result<bool> InstanceLock::is_claimed() {
  const UniqueFd lock{::open(lock_path().c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)};
  if (!lock.valid() && errno == ENOENT) return false;
  if (!lock.valid()) return cannot_open_lock();
  return ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace ostiary::state
