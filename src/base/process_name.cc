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

// proc(5), counted from 1. The second is in parentheses and may hold blanks.
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

// Where the kernel finds what /proc/PID/cmdline shows.
std::span<char> arguments() {
  const auto stat = read_file("/proc/self/stat", max_stat);
  if (!stat) return {};
  const auto begin = field(*stat, arg_start);
  const auto end = field(*stat, arg_end);
  if (!begin || !end || *end <= *begin) return {};
  // The kernel says where they are.
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
  // The kernel then shows no more than up to the first NUL.
  if (::strlen(name) + 1 < room.size()) room.back() = ' ';
}

}  // namespace ostiary
