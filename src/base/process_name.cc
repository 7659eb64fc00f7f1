#include "ostiary/base/process_name.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <string.h>
#include <sys/prctl.h>

#include "ostiary/base/read_file.h"

namespace ostiary {
namespace {

// Field numbers of /proc/PID/stat as in proc_pid_stat(5), counted from 1. Field 2, the name, is in
// parentheses and may hold spaces and parentheses.
constexpr int after_the_name = 2;
constexpr int arg_start = 48;
constexpr int arg_end = 49;
constexpr size_t max_stat = 4096;

std::optional<uintptr_t> field(std::string_view stat, int number) {
  stat.remove_prefix(std::min(stat.rfind(')') + 1, stat.size()));
  for (int at = after_the_name; at < number; ++at)
    stat.remove_prefix(std::min(stat.find(' ', 0) + 1, stat.size()));
  uintptr_t value = 0;
  const auto [end, error] = std::from_chars(stat.data(), stat.data() + stat.size(), value);
  return error == std::errc{} && value != 0 ? std::optional(value) : std::nullopt;
}

// The memory that the kernel shows as /proc/PID/cmdline. Empty if it cannot be found.
std::span<char> arguments() {
  const auto stat = read_file("/proc/self/stat", max_stat);
  if (!stat) return {};
  const auto begin = field(*stat, arg_start);
  const auto end = field(*stat, arg_end);
  if (!begin || !end || *end <= *begin) return {};
  return {reinterpret_cast<char*>(*begin), *end - *begin};  // NOLINT(performance-no-int-to-ptr)
}

}  // namespace

void set_process_name(const char* name) {
  ::prctl(PR_SET_NAME, name, 0, 0, 0);
}

void replace_process_arguments(const char* name) {
  set_process_name(name);
  const std::span<char> room = arguments();
  if (room.empty()) return;
  ::memset(room.data(), 0, room.size());
  std::copy_n(name, std::min(::strlen(name), room.size() - 1), room.data());
  // If the last octet is not a NUL, the kernel shows the text only up to the first NUL.
  if (::strlen(name) + 1 < room.size()) room.back() = ' ';
}

}  // namespace ostiary
