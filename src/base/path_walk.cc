#include "ostiary/base/path_walk.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace ostiary {
namespace {

constexpr size_t max_links = 40;  // as the kernel
constexpr int look_flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;

bool is_in_proc(int fd) {
  struct statfs found{};
  return ::fstatfs(fd, &found) == 0 && found.f_type == PROC_SUPER_MAGIC;
}

Writable mount_permits_writing(int fd) {
  struct statvfs found{};
  return ::fstatvfs(fd, &found) == 0 && (found.f_flag & ST_RDONLY) != 0 ? Writable::no : Writable::yes;
}

std::optional<std::string> target_of(int link) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlinkat(link, "", target.data(), target.size());
  if (length < 0) return std::nullopt;
  return std::string(target.data(), static_cast<size_t>(length));
}

}  // namespace

std::optional<uint64_t> mount_of(int fd) {
  struct statx found{};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &found) != 0 || (found.stx_mask & STATX_MNT_ID) == 0)
    return std::nullopt;
  return found.stx_mnt_id;
}

std::unexpected<Error> PathWalk::system_error() const {
  return std::unexpected(Error::system(given_, Exit::missing_input));
}

std::string PathWalk::directory() const {
  return directories_.empty() || directories_.back().path.empty() ? "/" : directories_.back().path;
}

std::string PathWalk::take_component() {
  rest_.erase(0, std::min(rest_.find_first_not_of('/'), rest_.size()));
  std::string component = rest_.substr(0, rest_.find('/'));
  rest_.erase(0, component.size());
  return component;
}

void PathWalk::enter(Place directory) {
  constexpr mode_t writable_by_others = S_IWGRP | S_IWOTH;
  if (directory.status.st_uid != 0 || (directory.status.st_mode & writable_by_others) != 0)
    only_root_could_change_ = false;
  directories_.push_back(std::move(directory));
}

void PathWalk::note(const Place& entry) {
  const Place& holder = directories_.back();
  const auto mount = mount_of(entry.fd.get());
  const bool is_mount_point = mount && mount != mount_of(holder.fd.get());
  steps_.push_back({.path = entry.path,
                    .directory = holder.status,
                    .entry = entry.status,
                    .content = mount_permits_writing(entry.fd.get()),
                    .place = is_mount_point ? Writable::no : mount_permits_writing(holder.fd.get())});
}

Result<> PathWalk::check_owner(const Place& link) {
  const uid_t owner = link.status.st_uid;
  if (follow_ == Follow::links_of_root_or_ours && (owner == 0 || owner == ::geteuid())) return {};
  if (follow_ == Follow::links_that_only_root_could_make && owner == 0 && only_root_could_change_) return {};
  unfollowed_ = link.path;
  return fail(Exit::not_permitted, given_ + ": ostiary does not follow the link " + link.path +
                                       ", which user " + std::to_string(owner) +
                                       " could have pointed at a file of root's: write the path of the file "
                                       "itself, or make the link as root");
}

Result<> PathWalk::follow(const Place& link) {
  if (++links_ > max_links) {
    errno = ELOOP;
    return system_error();
  }
  const auto target = target_of(link.fd.get());
  if (!target) return system_error();
  if (target->starts_with('/')) directories_.erase(directories_.begin() + 1, directories_.end());
  rest_.insert(0, *target);
  return {};
}

Result<UniqueFd> PathWalk::open_last(const std::string& name, int flags, const Place& entry) {
  note(entry);
  // Another process may have put a link here since.
  UniqueFd opened{::openat(directories_.back().fd.get(), name.c_str(), flags | O_NOFOLLOW)};
  if (!opened.valid()) return system_error();
  return opened;
}

// The link may lead to a file that has no path. Invalid if it leads to a directory, which has one.
Result<UniqueFd> PathWalk::open_kernel_link(const std::string& name, int flags) {
  Place entry{directory() + "/" + name,
              UniqueFd(::openat(directories_.back().fd.get(), name.c_str(), O_PATH | O_CLOEXEC))};
  if (!entry.fd.valid() || ::fstat(entry.fd.get(), &entry.status) != 0) return system_error();
  if (S_ISDIR(entry.status.st_mode)) return UniqueFd();
  note(entry);
  UniqueFd opened{::openat(directories_.back().fd.get(), name.c_str(), flags)};
  if (!opened.valid()) return system_error();
  return opened;
}

Result<UniqueFd> PathWalk::walk(int flags) {
  while (true) {
    const std::string name = take_component();
    if (name == ".") continue;
    if (name == "..") {
      if (directories_.size() > 1) directories_.pop_back();
      continue;
    }
    const Place& here = directories_.back();
    if (name.empty()) {
      UniqueFd opened{::openat(here.fd.get(), ".", flags)};
      if (!opened.valid()) return system_error();
      return opened;
    }
    Place entry{here.path + "/" + name, UniqueFd(::openat(here.fd.get(), name.c_str(), look_flags))};
    if (!entry.fd.valid() || ::fstat(entry.fd.get(), &entry.status) != 0) return system_error();
    const bool is_last = rest_.empty();
    if (S_ISLNK(entry.status.st_mode)) {
      TRY(check_owner(entry));
      if (is_last && is_in_proc(entry.fd.get()))
        if (UniqueFd opened = TRY(open_kernel_link(name, flags)); opened.valid()) return opened;
      note(entry);
      TRY(follow(entry));
    } else if (S_ISDIR(entry.status.st_mode)) {
      note(entry);
      enter(std::move(entry));
    } else if (is_last) {
      return open_last(name, flags, entry);
    } else {
      errno = ENOTDIR;
      return system_error();
    }
  }
}

Result<UniqueFd> PathWalk::open(const std::string& path, int flags) {
  given_ = rest_ = path;
  if (!path.starts_with('/')) {
    std::error_code failure;
    rest_ = std::filesystem::current_path(failure).string() + "/" + path;
    errno = failure.value();
    if (failure) return system_error();
  }
  Place root{"", UniqueFd(::open("/", O_PATH | O_CLOEXEC))};
  if (!root.fd.valid() || ::fstat(root.fd.get(), &root.status) != 0) return system_error();
  enter(std::move(root));
  return walk(flags);
}

}  // namespace ostiary
