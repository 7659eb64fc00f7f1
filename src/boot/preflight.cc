#include "ostiary/boot/preflight.h"

#include <cerrno>

#include <sys/stat.h>

#include "ostiary/base/quote.h"
#include "ostiary/confine/confine.h"
#include "ostiary/confine/program.h"

namespace ostiary::boot {
namespace {

Result<> look_for_workdir(const plan::Agent& agent) {
  if (agent.prepare_claude == config::Choice::yes) return {};  // the boot makes the directory
  struct stat found{};
  if (::stat(agent.workdir.c_str(), &found) == 0) {
    if (S_ISDIR(found.st_mode)) return {};
    errno = ENOTDIR;
  }
  if (errno != ENOENT && errno != ENOTDIR) return {};
  return std::unexpected(confine::cannot_start_in(agent.workdir));
}

Result<> look_for_auth_hook(const plan::Agent& agent) {
  if (!agent.auth_hook || !confine::leads_nowhere(agent.auth_hook->program, {}, agent.workdir)) return {};
  return fail(Exit::missing_input, "auth hook: there is no program " + agent.auth_hook->program +
                                       ": name another with --auth-hook");
}

}  // namespace

Result<> look_for_program(const plan::Agent& agent) {
  if (agent.auth_hook) return {};  // the hook may install the program
  return look_for_program(agent.command.front(), agent.environment.agent.get("PATH"), agent.workdir);
}

Result<> look_for_program(std::string_view name, std::string_view path, std::string_view directory) {
  if (!confine::leads_nowhere(name, path, directory)) return {};
  const bool is_path = name.contains('/');
  return fail(Exit::not_found,
              "there is no program " + quote(name) +
                  (is_path ? ": install it, or write another"
                           : " in PATH, which is " + std::string(path) + ": install it, or write its path"));
}

Result<> preflight(const plan::Agent& agent) {
  TRY(look_for_workdir(agent));
  TRY(look_for_auth_hook(agent));
  return look_for_program(agent);
}

}  // namespace ostiary::boot
