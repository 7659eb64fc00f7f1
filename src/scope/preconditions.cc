#include "ostiary/scope/preconditions.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ostiary/base/escape.h"
#include "ostiary/base/processes.h"
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

// The user must have no process yet. The rules would hold it too, and it is not confined, so
// through it the agent could do what it may not do itself.
Result<> check_lone_user(const confine::Identity& identity) {
  // Any of a process's users acts as the user.
  for (const Process& each : TRY(live_processes()))
    if (std::ranges::find(each.users, identity.uid) != each.users.end())
      return fail(
          Exit::unavailable,
          "--scope user: user " + identity.name + " has process " + std::to_string(each.id) + " (" +
              escape_controls(each.program) +
              ") already: it would be held too, and the agent could act through it; give the agent a user "
              "of its own");
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
