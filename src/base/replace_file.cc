#include "ostiary/base/replace_file.h"

#include <string>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ostiary/base/guarded_directory.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary {
namespace {

std::unexpected<Error> refuse(std::string message) {
  return fail(Exit::not_permitted, std::move(message));
}

std::unexpected<Error> system_error(std::string_view what) {
  return std::unexpected(Error::system(what));
}

Result<> remove_entry(const UniqueFd& directory, const std::string& name, const std::string& shown) {
  if (::unlinkat(directory.get(), name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno == EISDIR) return refuse(shown + ": is a directory, not a file: remove it");
  return system_error(shown);
}

Result<> write_and_rename(const UniqueFd& directory, const std::string& temporary, const char* name,
                          std::string_view content, mode_t mode, const std::string& shown) {
  const UniqueFd file{::openat(directory.get(), temporary.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!file.valid()) return system_error(shown);
  TRY(write_all(file, content, shown));
  if (::fchmod(file.get(), mode) != 0) return system_error(shown);
  if (::renameat(directory.get(), temporary.c_str(), directory.get(), name) == 0) return {};
  if (errno == EISDIR) return refuse(shown + ": is a directory, not a file: remove it");
  return system_error(shown);
}

}  // namespace

Result<> write_all(const UniqueFd& file, std::string_view text, std::string_view what, Exit exit) {
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(Error::system(what, exit));
    text.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Result<> replace_file(const char* directory, const char* name, std::string_view content, mode_t mode) {
  TRY(check_path(directory, name));
  return replace_file(TRY(make_own_directory(directory)), directory, name, content, mode);
}

Result<> replace_file(const UniqueFd& directory, std::string_view path, const char* name,
                      std::string_view content, mode_t mode) {
  const std::string parent = std::string(path) + "/";
  const std::string temporary = std::string(".").append(name).append(".new");
  TRY(remove_entry(directory, temporary, parent + temporary));
  auto written = write_and_rename(directory, temporary, name, content, mode, parent + name);
  if (!written) ::unlinkat(directory.get(), temporary.c_str(), 0);
  return written;
}

Result<> remove_file(const char* directory, const char* name) {
  TRY(check_path(directory, name));
  const UniqueFd holder = TRY(find_directory(directory));
  return holder.valid() ? remove_file(holder, directory, name) : Result<>{};
}

Result<> remove_file(const UniqueFd& directory, std::string_view path, const char* name) {
  return remove_entry(directory, name, std::string(path) + "/" + name);
}

}  // namespace ostiary
