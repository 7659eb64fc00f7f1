#include "hook.h"

#include <utility>

#include "ostiary/base/log.h"

namespace ostiary::boot {
namespace {

using keeper::Ending;

// 126 and 127 say that the agent's program did not start. A hook that did not start is missing input.
Error hook_error(Error error) {
  if (error.exit == Exit::not_found) error.exit = Exit::missing_input;
  if (error.exit == Exit::not_executable) error.exit = Exit::not_permitted;
  return std::move(error).within("auth hook");
}

}  // namespace

Result<std::optional<int>> run_auth_hook(const plan::Agent& agent, BootState& state) {
  if (!agent.auth_hook) return std::nullopt;
  const std::string& program = agent.auth_hook->program;
  log::info("auth hook: " + program + " as " + agent.identity.name);
  auto outcome =
      state.supervisor.run(agent.identity, command_of({program}, agent.environment.auth_hook, agent.workdir),
                           {.grace = agent.grace, .time_limit = agent.auth_hook->time_limit});
  if (!outcome) return std::unexpected(hook_error(std::move(outcome).error()));
  if (outcome->ending == Ending::asked_to_end) {
    state.asked_with = outcome->asked_with;
    state.how_it_ended = name_of(outcome->asked_with) + " from outside, during the auth hook";
    return 128 + outcome->asked_with;
  }
  if (outcome->ending == Ending::over_time)
    return fail(Exit::not_permitted, "auth hook: " + program + " did not end within " +
                                         std::to_string(agent.auth_hook->time_limit.count()) +
                                         " s: see --auth-hook-timeout");
  if (outcome->wait_status != 0)
    return fail(Exit::not_permitted, "auth hook: " + program + " " + describe(outcome->wait_status));
  return std::nullopt;
}

}  // namespace ostiary::boot
