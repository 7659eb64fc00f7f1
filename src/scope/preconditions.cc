#include "ostiary/scope/preconditions.h"

#include <string>

#include "lone_user.h"
#include "ostiary/base/read_file.h"

namespace ostiary::scope {
namespace {

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

}  // namespace

Result<> check_preconditions(const Scope& scope, const Ground& ground) {
  if (scope.cuts_off_machine) TRY(keep_off_machine(ground));
  TRY(check_inherited_sockets(scope.inheritable));
  return scope.needs_lone_user ? check_lone_user(ground.agent) : Result<>{};
}

}  // namespace ostiary::scope
