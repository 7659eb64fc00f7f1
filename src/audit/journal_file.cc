#include "audit/journal_file.h"

#include <algorithm>
#include <array>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/path.h"
#include "ostiary/audit/limits.h"
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
  if (!S_ISREG(status.st_mode))
    return refuse(path, "is not a regular file: write the path of one, or of a file to be made");
  if (status.st_uid != ::geteuid())
    return refuse(path, "belongs to user " + std::to_string(status.st_uid) + ": remove it or choose another");
  if (status.st_nlink != 1) return refuse(path, "has another name as well: remove it");
  if (::fchmod(file.get(), file_mode) != 0 || ::fcntl(file.get(), F_SETFL, flags_of_ours) != 0)
    return std::unexpected(Error::system(path));
  return {};
}

// The file itself has no number.
std::string numbered(const std::string& name, size_t number) {
  return number == 0 ? name : name + "." + std::to_string(number);
}

// None where there is no such file.
uint64_t count_lines(const UniqueFd& directory, const std::string& name) {
  const UniqueFd file{
      ::openat(directory.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)};
  std::array<char, 65536> block;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  uint64_t lines = 0;
  for (ssize_t got = 0; file.valid() && (got = ::read(file.get(), block.data(), block.size())) > 0;)
    lines += static_cast<uint64_t>(std::count(block.data(), block.data() + got, '\n'));
  return lines;
}

// What is not there was taken away by somebody else, and need not be.
Result<> rename(const UniqueFd& directory, const std::string& from, const std::string& to) {
  if (::renameat(directory.get(), from.c_str(), directory.get(), to.c_str()) == 0 || errno == ENOENT)
    return {};
  return std::unexpected(Error::system(from));
}

}  // namespace

Result<JournalFile> open_journal_file(const std::string& path) {
  auto [directory, name] = split(path);
  TRY(check_path(directory, name));
  UniqueFd guarded = TRY(make_guarded_directory(directory));
  UniqueFd file{::openat(guarded.get(), name.c_str(), file_flags, file_mode)};
  if (!file.valid() && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
    return refuse(path, "is not a regular file: write the path of one, or of a file to be made");
  if (!file.valid()) return std::unexpected(Error::system(path));
  TRY(check_file(file, path));
  return JournalFile{.fd = std::move(file), .directory = std::move(guarded), .name = std::move(name)};
}

Result<NewFile> rotate_journal_files(const UniqueFd& directory, const std::string& name) {
  const std::string next = name + ".new";
  (void)::unlinkat(directory.get(), next.c_str(), 0);  // of a keeper that was killed at this
  NewFile made{.fd = UniqueFd(::openat(directory.get(), next.c_str(), file_flags | O_EXCL, file_mode))};
  if (!made.fd.valid()) return std::unexpected(Error::system(next));
  TRY(check_file(made.fd, next));
  made.deleted_lines = count_lines(directory, numbered(name, limits::files - 1));
  for (size_t number = limits::files - 1; number > 0; --number)
    TRY(rename(directory, numbered(name, number - 1), numbered(name, number)));
  TRY(rename(directory, next, name));
  return made;
}

}  // namespace ostiary::audit
