#include "socket_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string_view>
#include <utility>

#include <dirent.h>
#include <sys/stat.h>

#include "ostiary/base/directory.h"

namespace ostiary::selftest {
namespace {

constexpr std::array<std::string_view, 26> not_searched{
    "proc",     "sysfs",       "cgroup",    "cgroup2",    "devpts", "mqueue",    "securityfs",
    "debugfs",  "tracefs",     "bpf",       "pstore",     "nsfs",   "selinuxfs", "configfs",
    "efivarfs", "binfmt_misc", "hugetlbfs", "rpc_pipefs", "autofs", "nfs",       "nfs4",
    "cifs",     "smb3",        "ceph",      "squashfs",   "iso9660"};

bool is_searched(const Mount& mount) {
  return !mount.file_system.starts_with("fuse") &&
         std::ranges::find(not_searched, mount.file_system) == not_searched.end();
}

// Notes that a part of the place was not read. What another process has removed is no failure.
void note_failure(SocketFiles& found, const std::string& place, int error) {
  if (error == EACCES)
    found.has_closed_directories = true;
  else if (error != 0 && error != ENOENT && error != ENOTDIR &&
           (found.unread.empty() || found.unread.back().place != place))
    found.unread.push_back({place, error});
}

// 0, with errno, if it cannot be looked up.
mode_t kind_of(const std::string& path) {
  struct stat is{};
  return ::lstat(path.c_str(), &is) == 0 ? is.st_mode & S_IFMT : 0;
}

// Searches one place, the nearest directories first.
class Walk {
 public:
  Walk(SocketFiles& found, const std::vector<std::string>& mount_points)
      : found_(found), mount_points_(mount_points) {}

  void through(const std::string& place, const limits::FileSearch& limit) {
    place_ = place;
    limit_ = limit;
    waiting_.push_back({place, 0});
    while (!waiting_.empty()) {
      auto [path, depth] = std::move(waiting_.front());
      waiting_.pop_front();
      const bool is_whole = search_directory(path, depth);
      searched_.push_back(std::move(path));
      if (is_whole) continue;
      found_.cut_short.push_back({place, std::move(searched_)});
      return;
    }
  }

 private:
  struct Waiting {
    std::string path;
    size_t depth = 0;
  };

  // False if a limit was reached.
  bool search_directory(const std::string& path, size_t depth) {
    if (searched_.size() == limit_.directories) return false;
    const Directory open(::opendir(path.c_str()));
    if (open == nullptr) {
      note_failure(found_, place_, errno);
      return true;
    }
    while (const dirent* entry = next_entry(open)) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (++names_ > limit_.names) return false;
      if (!costs(*entry, depth)) continue;
      if (++entries_ > limit_.entries) return false;
      note(path + (path.ends_with('/') ? "" : "/") + std::string(name), *entry, depth);
    }
    note_failure(found_, place_, errno);
    return true;
  }

  bool costs(const dirent& entry, size_t depth) const {
    return entry.d_type == DT_SOCK || entry.d_type == DT_UNKNOWN ||
           (entry.d_type == DT_DIR && depth < limit_.depth);
  }

  void note(std::string path, const dirent& entry, size_t depth) {
    const bool is_known = entry.d_type != DT_UNKNOWN;
    const mode_t kind = is_known ? static_cast<mode_t>(DTTOIF(entry.d_type)) : kind_of(path);
    if (kind == 0) note_failure(found_, place_, errno);
    if (kind == S_IFSOCK) found_.paths.push_back(std::move(path));
    // A mount is a place of its own, or is not searched.
    else if (kind == S_IFDIR && depth < limit_.depth &&
             std::ranges::find(mount_points_, path) == mount_points_.end())
      waiting_.push_back({std::move(path), depth + 1});
  }

  SocketFiles& found_;
  const std::vector<std::string>& mount_points_;
  std::string place_;
  limits::FileSearch limit_ = limits::brief;
  std::deque<Waiting> waiting_;
  std::vector<std::string> searched_;
  size_t entries_ = 0;
  size_t names_ = 0;
};

struct Place {
  std::string path;
  limits::FileSearch limit;
};

bool is_within_any(const std::vector<Place>& places, const std::string& path) {
  return std::ranges::any_of(places, [&path](const Place& place) {
    return place.limit.depth == limits::thorough.depth && path.starts_with(place.path + "/");
  });
}

std::string real_directory(const std::string& path) {
  const std::string inside = with_real_directory(path + "/.");
  return inside.substr(0, std::max<size_t>(inside.size() - 2, 1));
}

}  // namespace

SocketFiles find_socket_files(const std::vector<std::string>& places, const std::vector<Mount>& mounts) {
  SocketFiles found;
  std::vector<Place> all;
  std::vector<std::string> mount_points;
  for (const std::string& place : places) all.push_back({real_directory(place), limits::thorough});
  for (const Mount& mount : mounts) {
    mount_points.push_back(mount.point);
    if (mount.point == "/" || !is_searched(mount)) continue;
    const mode_t kind = kind_of(mount.point);
    if (kind == 0) note_failure(found, mount.point, errno);
    if (kind == S_IFSOCK)
      found.paths.push_back(mount.point);
    else if (kind == S_IFDIR)
      all.push_back({mount.point, is_within_any(all, mount.point) ? limits::thorough : limits::brief});
  }
  std::vector<std::string> done;
  for (const Place& place : all) {
    if (std::ranges::find(done, place.path) != done.end()) continue;
    if (done.size() == limits::places) {
      found.cut_short.push_back({place.path, {}});
      break;
    }
    done.push_back(place.path);
    Walk(found, mount_points).through(place.path, place.limit);
  }
  return found;
}

std::string with_real_directory(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return path;
  struct Free {
    void operator()(char* text) const { std::free(text); }
  };
  const std::unique_ptr<char, Free> directory(::realpath(path.substr(0, slash + 1).c_str(), nullptr));
  if (directory == nullptr) return path;
  const std::string real = directory.get();
  return (real == "/" ? "" : real) + path.substr(slash);
}

}  // namespace ostiary::selftest
