#include "ostiary/base/read_file.h"

#include <array>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ostiary/base/unique_fd.h"

namespace ostiary {

namespace {

enum class Trust : uint8_t { anybodys, roots_alone };

Result<> check(const std::string& path, int fd, Trust trust) {
  struct stat found{};
  if (::fstat(fd, &found) != 0) return std::unexpected(Error::system(path, Exit::missing_input));
  if (!S_ISREG(found.st_mode)) return fail(Exit::missing_input, path + ": is not a regular file");
  const bool roots = found.st_uid == 0 && (found.st_mode & 077U) == 0;
  if (trust == Trust::roots_alone && !roots)
    return fail(Exit::not_permitted, path + ": is not root's alone, so it is not believed");
  return {};
}

Result<std::string> read_open(const std::string& path, const UniqueFd& fd, size_t limit, Trust trust) {
  if (!fd.valid()) return std::unexpected(Error::system(path, Exit::missing_input));
  TRY(check(path, fd.get(), trust));
  std::string text;
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

// Non-blocking, so that a pipe in the file's place is an error and not a boot that waits for ever.
constexpr int how_to_open = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

}  // namespace

Result<std::string> read_file(const std::string& path, size_t limit) {
  return read_open(path, UniqueFd{::open(path.c_str(), how_to_open)}, limit, Trust::anybodys);
}

Result<std::string> read_root_file(const std::string& path, size_t limit) {
  return read_open(path, UniqueFd{::open(path.c_str(), how_to_open | O_NOFOLLOW)}, limit, Trust::roots_alone);
}

bool file_exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

bool is_absent(const std::string& path) {
  struct stat found{};
  return ::lstat(path.c_str(), &found) != 0 && (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG);
}

}  // namespace ostiary
