#include "ostiary/base/guarded_directory.h"

#include <algorithm>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ostiary {
namespace {

constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr mode_t directory_mode = 0755;
constexpr mode_t private_mode = 0700;
constexpr mode_t writable_by_others = S_IWGRP | S_IWOTH;

std::unexpected<Error> refuse(std::string message) {
  return fail(Exit::not_permitted, std::move(message));
}

std::unexpected<Error> system_error(std::string_view what) {
  return std::unexpected(Error::system(what));
}

// Removes the first component from an absolute path and returns it.
std::string take_component(std::string_view& path) {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  const std::string component(path.substr(0, path.find('/')));
  path.remove_prefix(component.size());
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  return component;
}

// Returns an invalid descriptor if the component does not exist.
Result<UniqueFd> open_component(const UniqueFd& parent, const std::string& component,
                                const std::string& shown) {
  UniqueFd opened{::openat(parent.get(), component.c_str(), directory_flags)};
  if (!opened.valid() && (errno == ENOTDIR || errno == ELOOP))
    return refuse(shown + ": is a symbolic link or a file, not a directory: name another directory");
  if (!opened.valid() && errno != ENOENT) return system_error(shown);
  return opened;
}

Result<UniqueFd> make_component(const UniqueFd& parent, const std::string& component,
                                const std::string& shown, mode_t mode) {
  UniqueFd opened = TRY(open_component(parent, component, shown));
  if (opened.valid()) return opened;
  const bool made = ::mkdirat(parent.get(), component.c_str(), mode) == 0;
  if (!made && errno != EEXIST) return system_error(shown);
  opened = TRY(open_component(parent, component, shown));
  if (!opened.valid()) return refuse(shown + ": was removed while it was in use");
  // mkdirat() applied the umask to the mode.
  if (made && ::fchmod(opened.get(), mode) != 0) return system_error(shown);
  return opened;
}

Result<struct stat> status_of(const UniqueFd& fd, const std::string& shown) {
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return system_error(shown);
  return status;
}

// Only root and our user may be able to replace an entry of the directory.
Result<> check_guarded(const UniqueFd& directory, const std::string& shown) {
  const struct stat status = TRY(status_of(directory, shown));
  if (status.st_uid != 0 && status.st_uid != ::geteuid())
    return refuse(shown + ": belongs to user " + std::to_string(status.st_uid) +
                  ", who could replace its files: chown it to root");
  if ((status.st_mode & writable_by_others) != 0 && (status.st_mode & S_ISVTX) == 0)
    return refuse(shown + ": is writable by other users, who could replace its files: chmod it to 0755");
  return {};
}

Result<> reset_owner_and_mode(const UniqueFd& directory, const std::string& shown) {
  struct stat status = TRY(status_of(directory, shown));
  const bool ours = status.st_uid == ::geteuid();
  if (ours && (status.st_mode & writable_by_others) == 0) return {};
  if (ours && (status.st_mode & S_ISVTX) != 0)
    return refuse(shown + ": is a shared directory, like /tmp: choose one that only ostiary uses");
  if (!ours && ::fchown(directory.get(), ::geteuid(), ::getegid()) != 0) return system_error(shown);
  if (::fchmod(directory.get(), directory_mode) != 0) return system_error(shown);
  status = TRY(status_of(directory, shown));
  if (status.st_uid != ::geteuid() || (status.st_mode & writable_by_others) != 0)
    return refuse(shown + ": belongs to user " + std::to_string(status.st_uid) +
                  ", and its owner and mode cannot be changed: chown it to root and chmod it to 0755");
  return {};
}

// No other user may be able to see what is in the directory.
Result<> check_private(const UniqueFd& directory, const std::string& shown) {
  constexpr mode_t others = S_IRWXG | S_IRWXO;
  const struct stat status = TRY(status_of(directory, shown));
  if (status.st_uid != ::geteuid())
    return refuse(shown + ": belongs to user " + std::to_string(status.st_uid) +
                  ": name another directory, or chown it to root and chmod it to 0700");
  if ((status.st_mode & others) != 0)
    return refuse(shown + ": is open to other users: name a new directory in it, or chmod it to 0700");
  return {};
}

// Checks every directory but the last, which the caller checks. `shown` becomes the path of the
// last, which is made with this mode.
Result<UniqueFd> make_directories(std::string_view path, std::string& shown, mode_t last_mode) {
  UniqueFd directory{::open("/", directory_flags)};
  if (!directory.valid()) return system_error("/");
  while (true) {
    const std::string component = take_component(path);
    shown += "/" + component;
    directory = TRY(make_component(directory, component, shown, path.empty() ? last_mode : directory_mode));
    if (path.empty()) return directory;
    TRY(check_guarded(directory, shown));
  }
}

// `accept` checks or changes the last directory.
Result<UniqueFd> make_directory(std::string_view path,
                                Result<> (*accept)(const UniqueFd& directory, const std::string& shown),
                                mode_t mode = directory_mode) {
  std::string shown;
  UniqueFd directory = TRY(make_directories(path, shown, mode));
  TRY(accept(directory, shown));
  return directory;
}

// No other user can replace a file in the directory. But in a directory like /tmp another user may
// have created the file before us.
Result<> check_file(const UniqueFd& file, const std::string& path) {
  const struct stat status = TRY(status_of(file, path));
  if (!S_ISREG(status.st_mode)) return refuse(path + ": is not a regular file: remove it or choose another");
  if (status.st_uid != ::geteuid())
    return refuse(path + ": belongs to user " + std::to_string(status.st_uid) +
                  ": remove it or choose another");
  if (status.st_nlink != 1) return refuse(path + ": has a second hard link: remove one of the links");
  return {};
}

}  // namespace

Result<> check_path(std::string_view directory, std::string_view name) {
  if (!directory.starts_with('/'))
    return refuse(std::string(directory) + ": is not absolute: write a path that begins with /");
  if (name.empty() || name == "." || name == ".." || name.contains('/'))
    return refuse(std::string(name) + ": is not a file name: write a name without a directory");
  if (directory.find_first_not_of('/') == std::string_view::npos)
    return refuse("/: is the root directory: choose a directory below it");
  while (!directory.empty()) {
    const std::string component = take_component(directory);
    if (component == "." || component == "..")
      return refuse("a path contains the component '" + component + "': write the path without it");
  }
  return {};
}

Result<UniqueFd> make_guarded_directory(std::string_view path) {
  return make_directory(path, check_guarded);
}

Result<UniqueFd> make_own_directory(std::string_view path) {
  return make_directory(path, reset_owner_and_mode);
}

Result<UniqueFd> make_private_directory(std::string_view path) {
  return make_directory(path, check_private, private_mode);
}

Result<UniqueFd> find_directory(std::string_view path) {
  UniqueFd directory{::open("/", directory_flags)};
  if (!directory.valid()) return system_error("/");
  std::string shown;
  while (directory.valid() && !path.empty()) {
    const std::string component = take_component(path);
    shown += "/" + component;
    directory = TRY(open_component(directory, component, shown));
  }
  return directory;
}

Result<UniqueFd> open_guarded_file(const UniqueFd& directory, const std::string& name,
                                   const std::string& path, int flags, mode_t mode) {
  constexpr int safe_flags = O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  UniqueFd file{::openat(directory.get(), name.c_str(), flags | safe_flags, mode)};
  if (!file.valid() && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
    return refuse(path + ": is not a regular file: remove it or choose another");
  if (!file.valid()) return system_error(path);
  TRY(check_file(file, path));
  if (::fchmod(file.get(), mode) != 0) return system_error(path);
  return file;
}

}  // namespace ostiary
