#include "ostiary/keeper/descendants.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include "ostiary/base/c_handle.h"
#include "ostiary/base/read_file.h"

namespace ostiary::keeper {
namespace {

using Directory = std::unique_ptr<DIR, CDelete<closedir>>;

constexpr size_t max_stat = 4096;
constexpr size_t max_children = size_t{4} << 20U;  // numbers of all processes that Linux can have

std::optional<pid_t> parse_pid(std::string_view text) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc{} || pid <= 0) return std::nullopt;
  return pid;
}

// The parent of a process that has not ended: the fields after the name, which is in parentheses and can hold
// any byte, are "S ppid …".
std::optional<pid_t> live_parent(pid_t pid) {
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat", max_stat);
  if (!stat) return std::nullopt;  // it ended while we looked
  const size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos || name_end + 4 >= stat->size()) return std::nullopt;
  const char state = (*stat)[name_end + 2];
  if (state == 'Z' || state == 'X') return std::nullopt;
  return parse_pid(std::string_view(*stat).substr(name_end + 4));
}

Result<std::unordered_multimap<pid_t, pid_t>> children_by_parent() {
  const Directory directory{::opendir("/proc")};
  if (!directory) return std::unexpected(Error::system("/proc"));
  std::unordered_multimap<pid_t, pid_t> children;
  while (const dirent* entry = ::readdir(directory.get())) {
    const auto pid = parse_pid(entry->d_name);
    if (!pid) continue;
    if (const auto parent = live_parent(*pid)) children.emplace(*parent, *pid);
  }
  return children;
}

// The kernel's list of our children. It may leave out one that is born while it is read.
Result<std::string> list_children() {
  return read_file("/proc/self/task/" + std::to_string(::getpid()) + "/children", max_children);
}

}  // namespace

Result<std::vector<pid_t>> descendants(pid_t spared) {
  const auto children = TRY(children_by_parent());
  std::vector<pid_t> found;
  const auto add_children_of = [&](pid_t parent) {
    const auto [first, last] = children.equal_range(parent);
    for (auto child = first; child != last; ++child)
      if (child->second != spared) found.push_back(child->second);
  };
  add_children_of(::getpid());
  for (size_t next = 0; next < found.size(); ++next) add_children_of(found[next]);
  return found;
}

Children has_children_but(pid_t spared) {
  const auto list = list_children();
  if (!list) return Children::unknown;
  const bool alone = list->empty() || *list == std::to_string(spared) + " ";
  return alone ? Children::none : Children::some;
}

void kill_children() {
  if (::getpid() == 1) {
    ::kill(-1, SIGKILL);
    return;
  }
  const auto list = list_children();
  if (!list) {  // this kernel has no such list
    if (const auto all = descendants(0))
      for (const pid_t pid : *all) ::kill(pid, SIGKILL);
    return;
  }
  for (std::string_view rest = *list; !rest.empty();) {
    if (const auto pid = parse_pid(rest)) ::kill(*pid, SIGKILL);
    rest.remove_prefix(std::min(rest.find(' '), rest.size() - 1) + 1);
  }
}

}  // namespace ostiary::keeper
