// boot/agent_files.h: what the boot writes for the agent and for later commands: the work directory, the
// session, the status, Claude Code's settings and first answers.
#pragma once

#include "boot_state.h"
#include "ostiary/plan/plan.h"

namespace ostiary::boot {

// For the auth hook as well, which starts there.
Result<> prepare_workdir(const plan::Agent& agent, const BootState& state);
// `gate`: the session of a later command joins the boot's network.
Result<> write_session(const plan::Agent& agent, const std::optional<plan::Gate>& gate,
                       const state::Directory& directory);
// A failure is logged: without the settings a project can redirect telemetry.
void write_managed_settings(const plan::Plan& plan);
// A failure is logged: Claude Code then asks its first questions.
void prepare_claude(const plan::Agent& agent, const BootState& state);

// The part of the status that the plan decides.
void add_plan(state::Status& status, const plan::Plan& plan);

}  // namespace ostiary::boot
