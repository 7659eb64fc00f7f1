#include "end.h"

#include <vector>

#include "ostiary/base/log.h"
#include "ostiary/claude/managed_settings.h"
#include "ostiary/net/closed_sockets.h"
#include "ostiary/nft/earlier.h"
#include "ostiary/nft/table.h"
#include "ostiary/plan/helpers.h"

namespace ostiary::boot {
namespace {

using plan::RulesAtEnd;

// Why the kernel may still send for processes of the agent that have ended; empty if it does not.
std::string find_senders(uid_t agent, const scope::Scope& scope) {
  using Scope = net::Owners::Scope;
  std::vector<uid_t> users{agent};
  for (const keeper::HelperDescription& helper : plan::helpers) users.push_back(helper.user);
  const auto senders = net::end_closed_connections(
      {.users = std::move(users), .scope = scope.holds_everybody ? Scope::everybody : Scope::users});
  if (!senders) return senders.error().message;
  return *senders == net::Senders::none ? "" : "a connection that was closed still has something to send";
}

// A boot that failed early made none.
bool there_are_rules() {
  const auto found = nft::find_earlier(std::nullopt);
  return !found || *found != nft::Earlier::none;
}

// Call it after all processes have ended.
Result<> end_rules(const plan::Enclosure& enclosure, uid_t agent, BootEnd boot,
                   const RemainingProcesses& left) {
  const RulesAtEnd rules = rules_after(enclosure, boot, left);
  const std::string senders = rules == RulesAtEnd::removed ? find_senders(agent, enclosure.scope) : "";
  if (rules == RulesAtEnd::removed && senders.empty()) return nft::remove();
  // If the kernel refuses the mark, the next boot assumes that processes remain, and keeps the rules.
  // Rules that this boot has not loaded may be those of a boot that runs.
  if (boot != BootEnd::failed_before_rules && none_is_left(left)) (void)nft::mark_ended();
  if (enclosure.rules_at_end == RulesAtEnd::removed && there_are_rules())
    log::warn(explain_kept_rules(boot, left, senders));
  return {};
}

// Whether a process that the settings hold may be left. Without the gate nothing is noted of sessions and earlier
// boots, and nothing but the settings holds them: the agent's children decide.
Remaining find_held_by_settings(const plan::Plan& plan, const RemainingProcesses& left) {
  if (!plan.gate) return left.children;
  return none_is_left(left) ? Remaining::none : Remaining::some;
}

void remove_files(const plan::Plan& plan, const RemainingProcesses& left, const BootState& state) {
  if (plan.outputs.files_at_end == plan::FilesAtEnd::kept) return;
  const auto warn = [](const Result<>& removed) {
    if (!removed) log::warn("a file of this boot stays: " + removed.error().message);
  };
  warn(state.directory.remove_otel_env());
  if (plan::has_managed_settings(plan) && find_held_by_settings(plan, left) == Remaining::none)
    warn(claude::remove_managed_settings());
}

// On an error, assume that a session remains. Without an enclosure, an earlier boot's may.
Remaining find_sessions(const Result<>& session_removed, BootState& state) {
  const auto joined = state.enclosure ? state.enclosure->were_joined() : nft::was_joined();
  return session_removed && joined && !*joined ? Remaining::none : Remaining::some;
}

BootEnd end_of(const BootState& state, const Result<int>& status) {
  if (!state.has_touched_rules) return BootEnd::failed_before_rules;
  return status && !state.asked_with ? BootEnd::complete : BootEnd::failed;
}

}  // namespace

Result<> end(const plan::Plan& plan, BootState& state, const Result<int>& status) {
  const Result<> session_removed = state.directory.remove_session();
  const Result<> asked = state.supervisor.ask_descendants_to_end();
  state.supervisor.stop_serving();
  if (state.relay) {
    state.relay->drain(plan.agent.grace, state.requests);
    state.relay->end();
  }
  if (state.gate) state.gate->end();
  if (state.enclosure) state.enclosure->put_resolver_back();
  const Result<keeper::Children> children = state.supervisor.kill_descendants();
  RemainingProcesses left{.children = children && *children == keeper::Children::none ? Remaining::none
                                                                                      : Remaining::some};
  Result<> rules;
  if (state.earlier) {
    left.sessions = find_sessions(session_removed, state);
    left.earlier = *state.earlier;
    rules = end_rules(plan.enclosure, plan.agent.identity.uid, end_of(state, status), left);
  }
  remove_files(plan, left, state);
  if (!asked) return asked;
  if (!children) return std::unexpected(children.error());
  return session_removed ? rules : session_removed;
}

}  // namespace ostiary::boot
