#include "ostiary/base/processes.h"

#include <cerrno>

#include <dirent.h>

#include "ostiary/base/directory.h"
#include "ostiary/base/read_file.h"
#include "ostiary/base/text.h"

namespace ostiary {
namespace {

constexpr size_t max_status = size_t{1} << 20U;  // with 65536 groups

// Empty if there is no such field.
std::string_view field(std::string_view status, std::string_view name) {
  return find_status_field(status, name).value_or(std::string_view());
}

std::optional<std::array<uid_t, 4>> parse_users(std::string_view text) {
  std::array<uid_t, 4> users{};
  for (uid_t& user : users) {
    const auto id = parse_number<uid_t>(take_until(text, '\t'));
    if (!id) return std::nullopt;
    user = *id;
  }
  return users;
}

}  // namespace

std::optional<std::string_view> find_status_field(std::string_view status, std::string_view name) {
  while (!status.empty()) {
    std::string_view line = take_until(status, '\n');
    if (!line.starts_with(name) || !line.substr(name.size()).starts_with(':')) continue;
    line.remove_prefix(name.size() + 1);
    if (line.starts_with('\t')) line.remove_prefix(1);
    return line;
  }
  return std::nullopt;
}

std::optional<Process> parse_live_process(pid_t id, std::string_view status) {
  const std::string_view state = field(status, "State");
  const auto threads = parse_number<unsigned>(field(status, "Threads"));
  const auto parent = parse_number<pid_t>(field(status, "PPid"));
  const auto users = parse_users(field(status, "Uid"));
  if (!threads || !parent || !users) return std::nullopt;
  if (*threads <= 1 && (state.starts_with('Z') || state.starts_with('X'))) return std::nullopt;
  return Process{.id = id, .parent = *parent, .users = *users, .program = std::string(field(status, "Name"))};
}

Result<std::vector<Process>> live_processes() {
  const Directory directory{::opendir("/proc")};
  if (!directory) return std::unexpected(Error::system("/proc", Exit::unavailable));
  std::vector<Process> processes;
  while (const dirent* entry = next_entry(directory)) {
    const auto id = parse_number<pid_t>(entry->d_name);
    if (!id) continue;
    const std::string path = std::string("/proc/") + entry->d_name + "/status";
    const auto status = read_file(path, max_status);
    if (!status && file_exists(path)) return fail(Exit::unavailable, status.error().message);
    if (!status) continue;  // it has ended in the meantime
    if (auto process = parse_live_process(*id, *status)) processes.push_back(*std::move(process));
  }
  if (errno != 0) return std::unexpected(Error::system("/proc", Exit::unavailable));
  return processes;
}

}  // namespace ostiary
