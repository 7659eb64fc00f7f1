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
constexpr size_t max_children = size_t{4} << 20U;  // fits the numbers of all processes of a machine

std::optional<pid_t> parse_pid(std::string_view text) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc{} || pid <= 0) return std::nullopt;
  return pid;
}

// The field with this number, as proc(5) counts them. The text after the name begins with field 3,
// the state.
std::string_view field(std::string_view after_name, int number) {
  for (int i = 3; i < number; ++i) {
    const size_t blank = after_name.find(' ');
    if (blank == std::string_view::npos) return {};
    after_name.remove_prefix(blank + 1);
  }
  return after_name.substr(0, after_name.find(' '));
}

// The parent of a process that has not ended. The process's name is in parentheses and can contain
// any byte. The state is Z if the first thread has ended, even if other threads run.
std::optional<pid_t> live_parent(pid_t pid) {
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat", max_stat);
  if (!stat) return std::nullopt;  // it has ended in the meantime
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

// The kernel's list of our children. It may lack a child that is forked during the read.
Result<std::vector<pid_t>> list_children() {
  const std::string list =
      TRY(read_file("/proc/self/task/" + std::to_string(::getpid()) + "/children", max_children));
  std::vector<pid_t> children;
  for (std::string_view rest = list; !rest.empty();) {
    if (const auto pid = parse_pid(rest)) children.push_back(*pid);
    rest.remove_prefix(std::min(rest.find(' '), rest.size() - 1) + 1);
  }
  return children;
}

bool contains(const std::vector<pid_t>& processes, pid_t pid) {
  return std::ranges::find(processes, pid) != processes.end();
}

}  // namespace

Result<std::vector<pid_t>> descendants(const std::vector<pid_t>& excluded) {
  const auto children = TRY(children_by_parent());
  std::vector<pid_t> found;
  const auto add_children_of = [&](pid_t parent) {
    const auto [first, last] = children.equal_range(parent);
    for (auto child = first; child != last; ++child)
      if (!contains(excluded, child->second)) found.push_back(child->second);
  };
  add_children_of(::getpid());
  for (size_t next = 0; next < found.size(); ++next) add_children_of(found[next]);
  return found;
}

Children has_children_but(const std::vector<pid_t>& excluded) {
  const auto children = list_children();
  if (!children) return Children::unknown;
  const auto is_excluded = [&](pid_t pid) { return contains(excluded, pid); };
  return std::ranges::all_of(*children, is_excluded) ? Children::none : Children::some;
}

void kill_children() {
  if (::getpid() == 1) {
    ::kill(-1, SIGKILL);
    return;
  }
  const auto children = list_children();
  // Without the kernel's list, all descendants get the signal.
  if (const auto all = children ? children : descendants({}))
    for (const pid_t pid : *all) ::kill(pid, SIGKILL);
}

}  // namespace ostiary::keeper
