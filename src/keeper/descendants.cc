#include "ostiary/keeper/descendants.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>

#include <signal.h>
#include <unistd.h>

#include "ostiary/base/processes.h"
#include "ostiary/base/read_file.h"
#include "ostiary/base/text.h"

namespace ostiary::keeper {
namespace {

constexpr size_t max_children = size_t{4} << 20U;  // fits the numbers of all processes of a machine

Result<std::unordered_multimap<pid_t, pid_t>> children_by_parent() {
  std::unordered_multimap<pid_t, pid_t> children;
  for (const Process& each : TRY(live_processes())) children.emplace(each.parent, each.id);
  return children;
}

// The kernel's list of our children. It may lack a child that is forked during the read.
Result<std::vector<pid_t>> list_children() {
  const std::string list =
      TRY(read_file("/proc/self/task/" + std::to_string(::getpid()) + "/children", max_children));
  std::vector<pid_t> children;
  for (std::string_view rest = list; !rest.empty();)
    if (const auto pid = parse_number<pid_t>(take_until(rest, ' '))) children.push_back(*pid);
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
