#include "boot_state.h"

#include <utility>

#include <string.h>
#include <sys/wait.h>

#include "ostiary/base/log.h"

namespace ostiary::boot {

std::chrono::milliseconds BootState::lap() {
  const auto begun = std::exchange(last_lap, std::chrono::steady_clock::now());
  return std::chrono::duration_cast<std::chrono::milliseconds>(last_lap - begun);
}

Result<bool> is_asked_to_end(BootState& state) {
  if (!state.asked_with)
    if (const auto signal = TRY(state.requests.next(std::chrono::steady_clock::now()))) {
      state.asked_with = signal->number;
      state.how_it_ended = name_of(signal->number) + " from outside, before the agent was started";
      log::info(state.how_it_ended);
    }
  return state.asked_with.has_value();
}

std::string name_of(int signal) {
  const char* abbreviation = ::sigabbrev_np(signal);
  return abbreviation == nullptr ? "signal " + std::to_string(signal) : "SIG" + std::string(abbreviation);
}

std::string describe(int wait_status) {
  if (WIFSIGNALED(wait_status)) return "was ended by " + name_of(WTERMSIG(wait_status));
  return "ended with status " + std::to_string(WEXITSTATUS(wait_status));
}

confine::Command command_of(std::vector<std::string> arguments, const config::Environment& environment,
                            const std::string& directory) {
  return {.arguments = std::move(arguments), .environment = environment.entries(), .directory = directory};
}

}  // namespace ostiary::boot
