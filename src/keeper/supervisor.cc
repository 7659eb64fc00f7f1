#include "ostiary/keeper/supervisor.h"

#include <algorithm>
#include <string>

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ostiary/base/log.h"
#include "ostiary/keeper/descendants.h"
#include "ostiary/keeper/rest.h"
#include "ostiary/keeper/spawn.h"

namespace ostiary::keeper {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::chrono::milliseconds term_to_kill = 2s;
constexpr std::chrono::milliseconds kill_to_surrender = 5s;
constexpr std::chrono::milliseconds look_again = 20ms;
constexpr int looks_to_believe = 3;
static_assert(look_again < term_to_kill && look_again < kill_to_surrender);

void send(const std::vector<pid_t>& processes, int signal) {
  for (const pid_t pid : processes) ::kill(pid, signal);
}

void kill_everything_below(pid_t spared) {
  if (const auto below = descendants(spared)) send(*below, SIGKILL);
}

// Whoever is below us is so through a child of ours, and those the kernel can list at once.
Result<std::vector<pid_t>> anybody_below(pid_t spared) {
  if (has_children_but(spared) == Children::none) return std::vector<pid_t>{};
  return descendants(spared);
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
  Run run{.agent = TRY(spawn(identity, command, terminal_)),
          .limits = limits,
          .deadline = {},
          .outcome = {},
          .ended = {}};
  if (limits.time_limit) run.deadline = steady_clock::now() + *limits.time_limit;
  rest();
  Result<> ended = run_to_end(run);
  if (!ended) {
    TRY(wait_until_alone(SIGKILL, kill_to_surrender));
    return std::unexpected(std::move(ended).error());
  }
  run.outcome.wait_status = *run.ended;
  if (terminal_.belongs_to(run.agent)) terminal_.give_to(::getpgrp());
  return run.outcome;
}

Result<> Supervisor::run_to_end(Run& run) {
  TRY(reap(&run));  // children that we were born with, and no signal told of
  while (!run.ended) {
    const auto signal = TRY(wait(run.deadline));
    if (signal)
      TRY(on_signal(run, signal->number));
    else
      on_deadline(run);
  }
  return {};
}

Result<std::optional<event::Signal>> Supervisor::wait(event::Deadline deadline) {
  while (true) {
    if (ward_ == nullptr) return signals_.next(deadline);
    const event::Deadline wards_deadline = ward_->deadline();
    std::vector<pollfd> watched{{.fd = signals_.fd(), .events = POLLIN, .revents = 0}};
    for (const int fd : ward_->descriptors()) watched.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    const int timeout = event::milliseconds_until(event::earlier(deadline, wards_deadline));
    if (::poll(watched.data(), watched.size(), timeout) < 0 && errno != EINTR)
      return std::unexpected(Error::system("poll", Exit::unavailable));
    const auto now = steady_clock::now();
    const bool wards_turn = std::ranges::any_of(watched.begin() + 1, watched.end(),
                                                [](const pollfd& each) { return each.revents != 0; });
    // Signals can come without end, so they do not hold up the ward.
    if (wards_turn || (wards_deadline && *wards_deadline <= now)) TRY(ward_->look());
    if (watched[0].revents != 0)
      if (const auto signal = TRY(signals_.next(now))) return signal;
    if (deadline && *deadline <= now) return std::nullopt;
  }
}

Result<> Supervisor::on_signal(Run& run, int signal) {
  switch (signal) {
    case SIGCHLD:
      TRY(reap(&run));
      return {};
    case SIGPIPE:
    case SIGTTIN:
    case SIGTTOU:
      return {};  // about our own reading and writing
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

void Supervisor::on_deadline(Run& run) {
  if (run.outcome.ending == Ending::by_itself) run.outcome.ending = Ending::over_time;
  kill_everything_below(spared());
  run.deadline = steady_clock::now() + look_again;
}

// The agent stopped. On a terminal that is a Ctrl-Z, and the shell above us, if there is one, must get its
// turn; if there is none, nobody could ever wake the agent, so it goes on.
void Supervisor::on_stop(const Run& run, int signal) {
  if (!terminal_.belongs_to(run.agent)) return;
  if (resumable() == Resumable::no) {
    ::kill(-run.agent, SIGCONT);
    return;
  }
  terminal_.give_to(::getpgrp());
  // Whoever shares our group, such as the other end of a pipe, stops too. The SIGCONT that wakes us is
  // on_signal's.
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
      if (run != nullptr && pid == run->agent) on_stop(*run, WSTOPSIG(status));
      continue;
    }
    if (run != nullptr && pid == run->agent) run->ended = status;
    if (pid == spared()) TRY(ward_->on_end(status));
  }
}

Result<> Supervisor::ask_descendants_to_end() {
  return wait_until_alone(SIGTERM, term_to_kill);
}

Result<Children> Supervisor::kill_descendants() {
  const auto deadline = steady_clock::now() + kill_to_surrender;
  kill_everything_below(spared());  // deep trees at once; what this misses comes to us
  while (true) {
    if (TRY(reap(nullptr)) == Children::none) return Children::none;
    if (steady_clock::now() >= deadline) {
      log::error("processes of the agent's could not be killed within " +
                 std::to_string(kill_to_surrender.count() / 1000) + " s");
      return Children::some;
    }
    kill_children();
  }
}

// TERM is sent once to each process, KILL again and again without a pause: a dying parent may still fork. One
// look that finds nobody may have missed a child born during it, so it takes several.
Result<> Supervisor::wait_until_alone(int signal, std::chrono::milliseconds limit) {
  const auto deadline = steady_clock::now() + limit;
  std::vector<pid_t> told;
  int looks_without_anybody = 0;
  while (true) {
    TRY(reap(nullptr));
    auto below = TRY(anybody_below(spared()));
    looks_without_anybody = below.empty() ? looks_without_anybody + 1 : 0;
    if (looks_without_anybody == looks_to_believe || steady_clock::now() >= deadline) return {};
    if (below.empty()) continue;
    if (signal == SIGKILL) {
      send(below, SIGKILL);
      continue;
    }
    std::erase_if(below, [&](pid_t pid) { return std::ranges::find(told, pid) != told.end(); });
    send(below, signal);
    send(below, SIGCONT);
    told.insert(told.end(), below.begin(), below.end());
    TRY(wait(std::min(deadline, steady_clock::now() + look_again)));
  }
}

}  // namespace ostiary::keeper
