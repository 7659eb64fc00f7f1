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

// The field of that number, counted as proc(5) does, of the text behind the name; the first is the state, 3.
std::string_view field(std::string_view behind_name, int number) {
  for (int i = 3; i < number; ++i) {
    const size_t blank = behind_name.find(' ');
    if (blank == std::string_view::npos) return {};
    behind_name.remove_prefix(blank + 1);
  }
  return behind_name.substr(0, behind_name.find(' '));
}

// The parent of a process that has not ended. The name is in parentheses and can hold any byte. A process
// whose first thread has ended is shown as a zombie while its other threads go on.
std::optional<pid_t> live_parent(pid_t pid) {
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat", max_stat);
  if (!stat) return std::nullopt;  // it ended while we looked
  const size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos || name_end + 4 >= stat->size()) return std::nullopt;
  constexpr int parent = 4;
  constexpr int threads = 20;
  const std::string_view rest = std::string_view(*stat).substr(name_end + 2);
  const bool has_ended = rest.front() == 'Z' || rest.front() == 'X';
  if (has_ended && parse_pid(field(rest, threads)).value_or(0) <= 1) return std::nullopt;
  return parse_pid(field(rest, parent));
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
