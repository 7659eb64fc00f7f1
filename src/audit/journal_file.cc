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
constexpr int file_flags = O_RDWR | O_APPEND;
// O_NOATIME: reading the end of the file must not update its access time. Requires that we own it.
constexpr int owner_flags = O_APPEND | O_NONBLOCK | O_NOATIME;

Result<UniqueFd> open_file(const UniqueFd& directory, const std::string& name, const std::string& path,
                           int more_flags) {
  UniqueFd file = TRY(open_guarded_file(directory, name, path, file_flags | more_flags, file_mode));
  if (::fcntl(file.get(), F_SETFL, owner_flags) != 0) return std::unexpected(Error::system(path));
  return file;
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
  UniqueFd file = TRY(open_file(guarded, name, path, 0));
  return JournalFile{.fd = std::move(file), .directory = std::move(guarded), .name = std::move(name)};
}

Result<NewFile> rotate_journal_files(const UniqueFd& directory, const std::string& name) {
  const std::string next = name + ".new";
  // A keeper that was killed during a rotation may have left this file.
  (void)::unlinkat(directory.get(), next.c_str(), 0);
  NewFile made{.fd = TRY(open_file(directory, next, next, O_EXCL))};
  made.deleted_lines = count_lines(directory, numbered(name, limits::files - 1));
  for (size_t number = limits::files - 1; number > 0; --number)
    TRY(rename(directory, numbered(name, number - 1), numbered(name, number)));
  TRY(rename(directory, next, name));
  return made;
}

}  // namespace ostiary::audit
