// boot/boot_state.h: what a boot holds while it lasts, from the first phase to its end.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "audit_trail.h"
#include "enclosure.h"
#include "gate_helper.h"
#include "ostiary/base/result.h"
#include "ostiary/confine/confine.h"
#include "ostiary/event/signals.h"
#include "ostiary/keeper/supervisor.h"
#include "ostiary/state/files.h"
#include "relay_helper.h"
#include "rules_after.h"

namespace ostiary::boot {

struct BootState {
  state::Directory directory;
  AuditTrail audit;
  keeper::Supervisor supervisor;
  event::Signals requests;  // to end, before there is an agent to pass them to
  std::span<const keeper::HelperProgram> programs;
  // None where the gate is off.
  std::optional<Enclosure> enclosure = {};
  std::unique_ptr<RelayHelper> relay = {};  // none where the agent sends its telemetry itself
  std::unique_ptr<GateHelper> gate = {};
  Resolution resolution = {};
  // Whether processes that an earlier boot confined may be here. Nothing if that is not known yet.
  std::optional<Remaining> earlier = {};
  bool has_touched_rules = false;
  state::Status status = {};
  std::optional<int> asked_with = {};  // the signal, where one came so early
  std::string how_it_ended = {};

  std::chrono::steady_clock::time_point last_lap = std::chrono::steady_clock::now();

  // Since it was last asked.
  std::chrono::milliseconds lap();
};

// Whether a signal has asked the keeper to end before there is an agent.
Result<bool> is_asked_to_end(BootState& state);

// "SIGTERM"
std::string name_of(int signal);
// "was ended by SIGKILL", "ended with status 1"
std::string describe(int wait_status);

// Runs with the environment, in the directory. Borrows the environment.
confine::Command command_of(std::vector<std::string> arguments, const config::Environment& environment,
                            const std::string& directory);

}  // namespace ostiary::boot
