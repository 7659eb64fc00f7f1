#include "ostiary/keeper/supervisor.h"

#include <algorithm>
#include <string>

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ostiary/base/log.h"
#include "ostiary/keeper/descendants.h"
#include "ostiary/keeper/spawn.h"
#include "rest.h"

namespace ostiary::keeper {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::chrono::milliseconds term_to_kill = 2s;
constexpr std::chrono::milliseconds kill_time_limit = 5s;
constexpr std::chrono::milliseconds scan_interval = 20ms;
constexpr int required_empty_scans = 3;
static_assert(scan_interval < term_to_kill && scan_interval < kill_time_limit);

void send(const std::vector<pid_t>& processes, int signal) {
  for (const pid_t pid : processes) ::kill(pid, signal);
}

// Without a child there is no descendant, and the kernel lists the children at once.
Result<std::vector<pid_t>> find_descendants(const std::vector<pid_t>& excluded) {
  if (has_children_but(excluded) == Children::none) return std::vector<pid_t>{};
  return descendants(excluded);
}

void kill_descendants_except(const std::vector<pid_t>& excluded) {
  if (const auto found = find_descendants(excluded)) send(*found, SIGKILL);
}

enum class Traced : uint8_t { no, yes };

// A process can make its parent, the keeper, its tracer. Each of its signals then looks like a
// stop. The keeper traces no process: the signal goes on to it.
Traced stop_tracing(pid_t process, int signal) {
  const long passed_on = signal == SIGTRAP ? 0 : signal;  // SIGTRAP is for the tracer
  return ::ptrace(PTRACE_DETACH, process, nullptr, passed_on) == 0 ? Traced::yes : Traced::no;
}

}  // namespace

int exit_status(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

Result<Supervisor> Supervisor::create() {
  if (::getpid() != 1 && ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
    return std::unexpected(Error::system("cannot adopt orphans", Exit::unavailable));
  auto signals = TRY(event::Signals::create());
  return Supervisor(std::move(signals), Terminal::find());
}

Result<Outcome> Supervisor::run(const confine::Identity& identity, const confine::Command& command,
                                Limits limits) {
  TRY(serve());
  Run run{.agent = TRY(spawn(identity, command, terminal_)),
          .limits = limits,
          .deadline = {},
          .outcome = {},
          .ended = {}};
  if (limits.time_limit) run.deadline = steady_clock::now() + *limits.time_limit;
  release_memory();
  Result<> ended = run_to_end(run);
  if (!ended) {
    TRY(end_descendants(SIGKILL, kill_time_limit));
    return std::unexpected(std::move(ended).error());
  }
  run.outcome.wait_status = *run.ended;
  if (terminal_.belongs_to(run.agent)) terminal_.give_to(::getpgrp());
  return run.outcome;
}

Result<> Supervisor::run_to_end(Run& run) {
  TRY(reap(&run));  // inherited children may have ended before SIGCHLD was blocked
  while (!run.ended) {
    const auto signal = TRY(wait(run.deadline));
    if (signal)
      TRY(on_signal(run, signal->number));
    else
      on_deadline(run);
  }
  return {};
}

void Supervisor::watch(std::vector<int> descriptors, std::function<Result<>()> on_readable) {
  watches_.push_back({std::move(descriptors), std::move(on_readable)});
}

void Supervisor::stop_serving() {
  watches_.clear();
  helpers_.clear();
}

std::vector<pollfd> Supervisor::watched_descriptors() const {
  std::vector<pollfd> watched;
  for (const Watch& each : watches_)
    for (const int fd : each.descriptors) watched.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  for (const Helper* each : helpers_) watched.push_back({.fd = each->fd(), .events = POLLIN, .revents = 0});
  return watched;
}

Result<> Supervisor::serve() {
  std::vector<pollfd> watched = watched_descriptors();
  if (::poll(watched.data(), watched.size(), 0) < 0 && errno != EINTR)
    return std::unexpected(Error::system("poll", Exit::unavailable));
  return serve(watched);
}

Result<std::optional<event::Signal>> Supervisor::wait(event::Deadline deadline) {
  while (true) {
    std::vector<pollfd> watched = watched_descriptors();
    watched.insert(watched.begin(), {.fd = signals_.fd(), .events = POLLIN, .revents = 0});
    const int timeout = event::milliseconds_until(event::earlier(deadline, next_helper_due()));
    if (::poll(watched.data(), watched.size(), timeout) < 0 && errno != EINTR)
      return std::unexpected(Error::system("poll", Exit::unavailable));
    // Signals can arrive without end, so the helpers come first.
    TRY(serve(std::span(watched).subspan(1)));
    const auto now = steady_clock::now();
    if (watched[0].revents != 0)
      if (const auto signal = TRY(signals_.next(now))) return signal;
    if (deadline && *deadline <= now) return std::nullopt;
  }
}

Result<> Supervisor::serve(std::span<const pollfd> ready) {
  for (const Watch& each : watches_) {
    const auto own = ready.first(each.descriptors.size());
    ready = ready.subspan(own.size());
    if (std::ranges::any_of(own, [](const pollfd& fd) { return fd.revents != 0; })) TRY(each.on_readable());
  }
  const auto now = steady_clock::now();
  for (size_t i = 0; i < helpers_.size(); ++i) {
    const event::Deadline due = helpers_[i]->due();
    if (ready[i].revents != 0 || (due && *due <= now)) TRY(helpers_[i]->serve(now));
  }
  return {};
}

event::Deadline Supervisor::next_helper_due() const {
  event::Deadline first;
  for (const Helper* each : helpers_) first = event::earlier(first, each->due());
  return first;
}

std::vector<pid_t> Supervisor::helper_processes() const {
  std::vector<pid_t> processes;
  for (const Helper* each : helpers_)
    if (each->process() != 0) processes.push_back(each->process());
  return processes;
}

Result<> Supervisor::on_signal(Run& run, int signal) {
  switch (signal) {
    case SIGCHLD:
      TRY(reap(&run));
      return {};
    case SIGPIPE:
    case SIGTTIN:
    case SIGTTOU:
      return {};  // caused by the keeper's own reads and writes
    case SIGCONT:
      on_continue(run);
      return {};
    case SIGTERM:
    case SIGINT:
      if (run.outcome.ending == Ending::by_itself) {
        run.outcome.ending = Ending::asked_to_end;
        run.outcome.asked_with = signal;
        run.deadline = event::earlier(run.deadline, steady_clock::now() + run.limits.grace);
      }
      ::kill(-run.agent, signal);
      ::kill(-run.agent, SIGCONT);  // a stopped agent cannot end
      return {};
    default:
      ::kill(-run.agent, signal);
      return {};
  }
}

// The agent may not end although it is killed: a process outside of our tree traces it, to which
// the kernel reports the end first; or the keeper lacks CAP_KILL.
void Supervisor::on_deadline(Run& run) {
  const auto now = steady_clock::now();
  if (run.outcome.ending == Ending::by_itself) run.outcome.ending = Ending::over_time;
  kill_descendants_except(helper_processes());
  if (!run.give_up) run.give_up = now + kill_time_limit;
  if (*run.give_up <= now) {
    log::error("the agent, process " + std::to_string(run.agent) +
               ", does not end: another process traces it, or the container lacks CAP_KILL");
    run.ended = SIGKILL;
  }
  run.deadline = now + scan_interval;
}

// The agent has stopped; on a terminal that is Ctrl-Z. The shell that started us must get the
// terminal then. Without such a shell no process could continue the agent, so it continues at once.
void Supervisor::on_stop(const Run& run, int signal) {
  if (!terminal_.belongs_to(run.agent)) return;
  if (resumable() == Resumable::no) {
    ::kill(-run.agent, SIGCONT);
    return;
  }
  terminal_.give_to(::getpgrp());
  // Other processes of our group, such as the rest of a pipeline, stop too. on_signal() handles the
  // SIGCONT that continues us.
  ::kill(0, signal == SIGSTOP ? SIGTSTP : signal);
  ::raise(SIGSTOP);
}

void Supervisor::on_continue(const Run& run) {
  if (terminal_.is_ours()) terminal_.give_to(run.agent);
  ::kill(-run.agent, SIGCONT);
}

Result<Children> Supervisor::reap(Run* run) {
  int status = 0;
  while (true) {
    const pid_t pid = ::waitpid(-1, &status, WNOHANG | WUNTRACED | __WALL);
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0 && errno == ECHILD) return Children::none;
    if (pid < 0) return std::unexpected(Error::system("waitpid", Exit::unavailable));
    if (pid == 0) return Children::some;
    if (WIFSTOPPED(status)) {
      if (stop_tracing(pid, WSTOPSIG(status)) == Traced::yes) continue;
      if (run != nullptr && pid == run->agent) on_stop(*run, WSTOPSIG(status));
      continue;
    }
    if (run != nullptr && pid == run->agent) run->ended = status;
    for (Helper* each : helpers_)
      if (pid == each->process()) TRY(each->on_end(status, steady_clock::now()));
  }
}

Result<> Supervisor::ask_descendants_to_end() {
  return end_descendants(SIGTERM, term_to_kill);
}

Result<Children> Supervisor::kill_descendants() {
  const auto deadline = steady_clock::now() + kill_time_limit;
  kill_descendants_except(helper_processes());  // deep trees at once; orphans become children
  while (true) {
    if (TRY(reap(nullptr)) == Children::none) return Children::none;
    if (steady_clock::now() >= deadline) {
      log::error("the agent's processes could not all be killed within " +
                 std::to_string(kill_time_limit.count() / 1000) + " s");
      return Children::some;
    }
    kill_children();
  }
}

// SIGTERM is sent once to each process. SIGKILL is repeated without a pause, because a dying parent
// may still fork. One scan can miss a child that is forked during the scan, so several scans in a
// row must find no process.
Result<> Supervisor::end_descendants(int signal, std::chrono::milliseconds limit) {
  const auto deadline = steady_clock::now() + limit;
  std::vector<pid_t> signaled;
  int empty_scans = 0;
  while (true) {
    TRY(reap(nullptr));
    auto found = TRY(find_descendants(helper_processes()));
    empty_scans = found.empty() ? empty_scans + 1 : 0;
    if (empty_scans == required_empty_scans || steady_clock::now() >= deadline) return {};
    if (found.empty()) continue;
    if (signal == SIGKILL) {
      send(found, SIGKILL);
      continue;
    }
    std::erase_if(found, [&](pid_t pid) { return std::ranges::find(signaled, pid) != signaled.end(); });
    send(found, signal);
    send(found, SIGCONT);
    signaled.insert(signaled.end(), found.begin(), found.end());
    TRY(wait(std::min(deadline, steady_clock::now() + scan_interval)));
  }
}

}  // namespace ostiary::keeper
