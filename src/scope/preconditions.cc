#include "ostiary/scope/preconditions.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <dirent.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ostiary/base/c_handle.h"
#include "ostiary/base/escape.h"
#include "ostiary/base/read_file.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::scope {
namespace {

// ---- the network

Result<> keep_off_machine(const Ground& ground) {
  if (ground.network != net::NamespaceKind::machine || ground.in_place == config::Choice::yes) return {};
  return fail(
      Exit::unavailable,
      (file_exists("/proc/sys")
           ? std::string("this is the machine's own network, and to deny everything here would cut it off: ")
           : std::string("without /proc/sys this may be the machine's own network, and to deny everything "
                         "here would cut it off: mount proc without subset=pid, ")) +
          "run in a container or in a network namespace, hold the agent's user alone with --scope user, "
          "or insist with --in-place");
}

// ---- sockets that the agent inherits

// A socket whose network the kernel does not show us is another user namespace's.
bool is_of_this_network(int socket) {
  const UniqueFd network{::ioctl(socket, SIOCGSKNS)};
  if (!network.valid()) return false;
  const auto its = net::network_of(network);
  const auto ours = net::own_network();
  return its && ours && *its == *ours;
}

bool passes(int fd, Inheritable inheritable) {
  int family = 0;
  socklen_t size = sizeof family;
  const bool is_socket = ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0;
  if (!is_socket || family == AF_UNIX) return true;
  return inheritable == Inheritable::sockets_of_this_network && (family == AF_INET || family == AF_INET6) &&
         is_of_this_network(fd);
}

// ---- the agent's user

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

// The user must have no process yet. The rules would hold it too, and it is not confined, so through it the
// agent could do what it may not do itself.
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

}  // namespace

Result<> check_inherited_sockets(Inheritable inheritable) {
  constexpr std::array<std::string_view, 3> names{"standard input", "standard output", "standard error"};
  for (size_t fd = 0; fd < names.size(); ++fd)
    if (!passes(static_cast<int>(fd), inheritable))
      return fail(Exit::unavailable,
                  std::string(names.at(fd)) +
                      " is a network socket. The agent could reconnect it and bypass the rules: put a pipe "
                      "between");
  return {};
}

Result<> check_preconditions(const Scope& scope, const Ground& ground) {
  if (scope.cuts_off_machine) TRY(keep_off_machine(ground));
  TRY(check_inherited_sockets(scope.inheritable));
  return scope.needs_lone_user ? check_lone_user(ground.agent) : Result<>{};
}

}  // namespace ostiary::scope
