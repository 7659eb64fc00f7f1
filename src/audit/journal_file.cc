#include "audit/journal_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/path.h"
#include "ostiary/base/guarded_directory.h"

namespace ostiary::audit {
namespace {

constexpr mode_t file_mode = 0640;
// Neither a pipe nor a terminal that lies in wait under the name can hold us up.
constexpr int file_flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
// To see how the file ends is no reason to write when it was read. Only for a file of ours.
constexpr int flags_of_ours = O_APPEND | O_NONBLOCK | O_NOATIME;

std::unexpected<Error> refuse(const std::string& path, const std::string& why) {
  return fail(Exit::not_permitted, path + ": " + why);
}

// The directory lets nobody replace the file, but it may be one like /tmp, where somebody was here before us.
Result<> check_file(const UniqueFd& file, const std::string& path) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return std::unexpected(Error::system(path));
  if (!S_ISREG(status.st_mode)) return refuse(path, "is not a regular file: remove it");
  if (status.st_uid != ::geteuid())
    return refuse(path, "belongs to user " + std::to_string(status.st_uid) + ": remove it or choose another");
  if (status.st_nlink != 1) return refuse(path, "has another name as well: remove it");
  if (::fchmod(file.get(), file_mode) != 0 || ::fcntl(file.get(), F_SETFL, flags_of_ours) != 0)
    return std::unexpected(Error::system(path));
  return {};
}

}  // namespace

Result<UniqueFd> open_journal_file(const std::string& path) {
  const auto [directory, name] = split(path);
  TRY(check_path(directory, name));
  const UniqueFd guarded = TRY(make_guarded_directory(directory));
  UniqueFd file{::openat(guarded.get(), name.c_str(), file_flags, file_mode)};
  if (!file.valid() && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
    return refuse(path, "is not a regular file: remove it");
  if (!file.valid()) return std::unexpected(Error::system(path));
  TRY(check_file(file, path));
  return file;
}

}  // namespace ostiary::audit
