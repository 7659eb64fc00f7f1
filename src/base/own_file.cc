#include "ostiary/base/own_file.h"

#include <memory>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ostiary/base/c_handle.h"
#include "ostiary/base/replace_file.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary {

std::string real_path(const std::string& path) {
  const std::unique_ptr<char, CDelete<free>> resolved{::realpath(path.c_str(), nullptr)};
  return resolved ? resolved.get() : path;
}

mode_t mode_of_file(const std::string& path, mode_t otherwise) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0 ? found.st_mode & 0777U : otherwise;
}

Result<> replace_own_file(const std::string& path, std::string_view text, mode_t mode) {
  std::string temporary = path + ".ostiary-XXXXXX";
  const UniqueFd fd{::mkostemp(temporary.data(), O_CLOEXEC)};
  if (!fd.valid()) return std::unexpected(Error::system("cannot create a file in its directory"));
  Result<> written = write_all(fd, text, "cannot write");
  if (written && (::fchmod(fd.get(), mode) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0))
    written = std::unexpected(Error::system("cannot replace it"));
  if (!written) ::unlink(temporary.c_str());
  return written;
}

}  // namespace ostiary
