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
// O_NONBLOCK and O_NOCTTY: a pipe or terminal under this name must not block the open.
constexpr int file_flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
// O_NOATIME: reading the end of the file must not update its access time. Requires that we own it.
constexpr int owner_flags = O_APPEND | O_NONBLOCK | O_NOATIME;

std::unexpected<Error> refuse(const std::string& path, const std::string& why) {
  return fail(Exit::not_permitted, path + ": " + why);
}

// No other user can replace a file in the directory. But in a directory like /tmp another user may
// have created the file before us.
Result<> check_file(const UniqueFd& file, const std::string& path) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return std::unexpected(Error::system(path));
  if (!S_ISREG(status.st_mode))
    return refuse(path, "is not a regular file: write the path of a regular file or of a new one");
  if (status.st_uid != ::geteuid())
    return refuse(path, "belongs to user " + std::to_string(status.st_uid) + ": remove it or choose another");
  if (status.st_nlink != 1) return refuse(path, "has a second hard link: remove one of the links");
  if (::fchmod(file.get(), file_mode) != 0 || ::fcntl(file.get(), F_SETFL, owner_flags) != 0)
    return std::unexpected(Error::system(path));
  return {};
}

// The name of a file in the rotation. File 0 has no number.
std::string numbered(const std::string& name, size_t number) {
  return number == 0 ? name : name + "." + std::to_string(number);
}

// 0 if there is no such file.
uint64_t count_lines(const UniqueFd& directory, const std::string& name) {
  const UniqueFd file{
      ::openat(directory.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)};
  std::array<char, 65536> block;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  uint64_t lines = 0;
  for (ssize_t got = 0; file.valid() && (got = ::read(file.get(), block.data(), block.size())) > 0;)
    lines += static_cast<uint64_t>(std::count(block.data(), block.data() + got, '\n'));
  return lines;
}

// Succeeds if the file is missing: another process may have removed it.
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
    return refuse(path, "is not a regular file: write the path of a regular file or of a new one");
  if (!file.valid()) return std::unexpected(Error::system(path));
  TRY(check_file(file, path));
  return JournalFile{.fd = std::move(file), .directory = std::move(guarded), .name = std::move(name)};
}

Result<NewFile> rotate_journal_files(const UniqueFd& directory, const std::string& name) {
  const std::string next = name + ".new";
  // A keeper that was killed during a rotation may have left this file.
  (void)::unlinkat(directory.get(), next.c_str(), 0);
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
