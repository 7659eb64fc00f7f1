#include "lone_user.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

#include <dirent.h>
#include <unistd.h>

#include "ostiary/base/c_handle.h"
#include "ostiary/base/escape.h"
#include "ostiary/base/read_file.h"

namespace ostiary::scope {
namespace {

using Directory = std::unique_ptr<DIR, CDelete<closedir>>;

constexpr size_t max_status = 64 * 1024;

std::string_view field(std::string_view status, std::string_view name) {
  const size_t at = status.find("\n" + std::string(name) + ":\t");
  if (at == std::string_view::npos) return {};
  status.remove_prefix(at + name.size() + 3);
  return status.substr(0, status.find('\n'));
}

// Real, effective, saved and that of files: any of them acts as the user.
bool holds(std::string_view ids, uid_t uid) {
  while (!ids.empty()) {
    uid_t id = 0;
    const auto [end, error] = std::from_chars(ids.data(), ids.data() + ids.size(), id);
    if (error != std::errc{}) return false;
    if (id == uid) return true;
    ids.remove_prefix(std::min(static_cast<size_t>(end - ids.data()) + 1, ids.size()));
  }
  return false;
}

// The program's name, if a process is that user's. It may have ended meanwhile; one that has ended and was
// not waited for does nothing any more.
std::optional<std::string> program_of(std::string_view pid, uid_t uid) {
  const auto text = read_file("/proc/" + std::string(pid) + "/status", max_status);
  // A process whose first thread has ended is a zombie too, while its other threads go on.
  const bool has_ended = text && field(*text, "State").starts_with('Z') && field(*text, "Threads") == "1";
  if (!text || has_ended || !holds(field(*text, "Uid"), uid)) return std::nullopt;
  const size_t name = text->find('\t');
  return text->substr(name + 1, text->find('\n') - name - 1);
}

}  // namespace

Result<> check_lone_user(const confine::Identity& identity) {
  const Directory directory{::opendir("/proc")};
  if (!directory) return std::unexpected(Error::system("/proc", Exit::unavailable));
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view pid = entry->d_name;
    if (!std::ranges::all_of(pid, [](char c) { return c >= '0' && c <= '9'; })) continue;
    if (const auto program = program_of(pid, identity.uid))
      return fail(
          Exit::unavailable,
          "--scope user: user " + identity.name + " has process " + std::string(pid) + " (" +
              escape_controls(*program) +
              ") already: it would be held too, and the agent could act through it; give the agent a user "
              "of its own");
  }
  return {};
}

}  // namespace ostiary::scope
