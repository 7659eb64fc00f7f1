#include "ostiary/base/read_file.h"

#include <algorithm>
#include <array>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ostiary/base/path_walk.h"

namespace ostiary {

namespace {

enum class Trust : uint8_t { any_owner, root_only };

// Returns the size.
Result<size_t> check(const std::string& path, int fd, Trust trust) {
  struct stat found{};
  if (::fstat(fd, &found) != 0) return std::unexpected(Error::system(path, Exit::missing_input));
  if (!S_ISREG(found.st_mode)) return fail(Exit::missing_input, path + ": is not a regular file");
  const bool private_to_root = found.st_uid == 0 && (found.st_mode & 077U) == 0;
  if (trust == Trust::root_only && !private_to_root)
    return fail(Exit::not_permitted,
                path + ": is not trusted: it must belong to root, with no permissions for group and others");
  return static_cast<size_t>(found.st_size);
}

Result<std::string> read_open(const std::string& path, const UniqueFd& fd, size_t limit, Trust trust) {
  if (!fd.valid()) return std::unexpected(Error::system(path, Exit::missing_input));
  const size_t size = TRY(check(path, fd.get(), trust));
  std::string text;
  // Octets that the text grows out of would stay in freed memory: the file may hold a secret.
  text.reserve(std::min(size, limit + 1));
  for (std::array<char, 4096> block{};;) {
    const ssize_t got = ::read(fd.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(Error::system(path, Exit::missing_input));
    if (got == 0) return text;
    text.append(block.data(), static_cast<size_t>(got));
    if (text.size() > limit)
      return fail(Exit::configuration, path + ": is larger than " + std::to_string(limit) + " bytes");
  }
}

// With O_NONBLOCK a pipe in place of the file is an error. Without it, open() would wait for a
// writer.
constexpr int open_flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

Result<std::string> read_entry(const UniqueFd& directory, std::string_view path, const char* name,
                               size_t limit, Trust trust) {
  return read_open(std::string(path) + "/" + name,
                   UniqueFd{::openat(directory.get(), name, open_flags | O_NOFOLLOW)}, limit, trust);
}

}  // namespace

Result<std::string> read_file(const std::string& path, size_t limit) {
  return read_open(path, UniqueFd{::open(path.c_str(), open_flags)}, limit, Trust::any_owner);
}

Result<std::string> read_named_file(const std::string& path, size_t limit) {
  PathWalk walk(Follow::links_of_root_or_ours);
  return read_open(path, TRY(walk.open(path, open_flags)), limit, Trust::any_owner);
}

Result<std::string> read_file_in(const UniqueFd& directory, std::string_view path, const char* name,
                                 size_t limit) {
  return read_entry(directory, path, name, limit, Trust::any_owner);
}

Result<std::string> read_root_file(const UniqueFd& directory, std::string_view path, const char* name,
                                   size_t limit) {
  return read_entry(directory, path, name, limit, Trust::root_only);
}

bool file_exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

bool is_absent(const std::string& path) {
  struct stat found{};
  return ::lstat(path.c_str(), &found) != 0 && (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG);
}

}  // namespace ostiary
