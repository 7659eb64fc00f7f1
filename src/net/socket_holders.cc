#include "ostiary/net/socket_holders.h"

#include <array>
#include <cerrno>
#include <climits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ostiary/base/as_user.h"
#include "ostiary/base/directory.h"
#include "ostiary/base/text.h"

namespace ostiary::net {
namespace {

namespace limits {
constexpr size_t descriptors = 65536;  // of all processes together
}  // namespace limits

// Nothing on an error, with errno.
std::optional<std::string> target_of(int directory, const char* name) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlinkat(directory, name, target.data(), target.size());
  if (length < 0) return std::nullopt;
  return std::string(target.data(), static_cast<size_t>(length));
}

// Without CAP_SYS_PTRACE root cannot read these links, but the process's own user can.
class AllowedToRead {
 public:
  explicit AllowedToRead(const std::string& directory) {
    struct stat is{};
    if (!target_of(AT_FDCWD, (directory + "/cwd").c_str()) && errno == EACCES &&
        ::stat(directory.c_str(), &is) == 0)
      owner_.emplace(is.st_uid, is.st_gid);
  }

 private:
  std::optional<AsUser> owner_;
};

std::optional<uint64_t> socket_inode(std::string_view target) {
  constexpr std::string_view prefix = "socket:[";
  if (!target.starts_with(prefix) || !target.ends_with(']')) return std::nullopt;
  return parse_number<uint64_t>(target.substr(prefix.size(), target.size() - prefix.size() - 1));
}

class Search {
 public:
  Next through(const Process& process, const std::function<Next(const Process&, uint64_t)>& take) {
    for (const uint64_t inode : sockets_of(process))
      if (take(process, inode) == Next::stop) return Next::stop;
    return seen_ == limits::descriptors ? Next::stop : Next::go_on;
  }
  // The descriptors of a process that ends meanwhile are missing, and are not a failure.
  void note_failure(int error) {
    if (error != 0 && error != ENOENT && error != ESRCH) failed_ = true;
  }
  Seen seen() const { return failed_ || seen_ == limits::descriptors ? Seen::partly : Seen::wholly; }

 private:
  std::vector<uint64_t> sockets_of(const Process& process) {
    std::vector<uint64_t> inodes;
    const AllowedToRead allowed(process.directory());
    const Directory open(::opendir((process.directory() + "/fd").c_str()));
    if (open == nullptr) {
      note_failure(errno);
      return inodes;
    }
    while (seen_ < limits::descriptors) {
      const dirent* const entry = next_entry(open);
      if (entry == nullptr) {
        note_failure(errno);
        break;
      }
      if (!is_digit(entry->d_name[0])) continue;
      ++seen_;
      const auto target = target_of(::dirfd(open.get()), entry->d_name);
      if (!target) note_failure(errno);
      if (const auto inode = socket_inode(target.value_or(""))) inodes.push_back(*inode);
    }
    return inodes;
  }

  size_t seen_ = 0;
  bool failed_ = false;
};

}  // namespace

std::string Process::link(const std::string& name) const {
  const AllowedToRead allowed(directory_);
  return target_of(AT_FDCWD, (directory_ + "/" + name).c_str()).value_or("");
}

Seen for_each_open_socket(const std::function<Next(const Process&, uint64_t inode)>& take) {
  // Without /proc, its mount point may still be an empty directory.
  if (::access("/proc/self/fd", F_OK) != 0) return Seen::partly;
  Search search;
  if (search.through(Process("/proc/self"), take) == Next::stop) return search.seen();
  const Directory processes(::opendir("/proc"));
  if (processes == nullptr) return Seen::partly;
  const std::string own = std::to_string(::getpid());
  while (const dirent* entry = next_entry(processes)) {
    if (!is_digit(entry->d_name[0]) || entry->d_name == own) continue;
    if (search.through(Process("/proc/" + std::string(entry->d_name)), take) == Next::stop)
      return search.seen();
  }
  search.note_failure(errno);
  return search.seen();
}

}  // namespace ostiary::net
