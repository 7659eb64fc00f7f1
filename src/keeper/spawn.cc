#include "ostiary/keeper/spawn.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ostiary/base/replace_file.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::keeper {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// The child reports a failure through a pipe: one byte of status, then the message. The pipe closes
// when the child executes a program or ends. A reply has the same form, with a status that no
// failure has.
constexpr char replied = 0;
constexpr size_t max_message = 4000;
static_assert(max_message < 4096, "a write of this size to a pipe is atomic");

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::unexpected(Error::system("pipe", Exit::unavailable));
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void report_failure(const UniqueFd& pipe, const Error& error) {
  std::string text(1, static_cast<char>(error.exit));
  text += error.message.substr(0, max_message);
  // If the write fails, the parent sees only the child's exit status.
  [[maybe_unused]] const ssize_t written = ::write(pipe.get(), text.data(), text.size());
}

std::unexpected<Error> reply_too_long() {
  return fail(Exit::unavailable,
              "the reply of a confined helper is longer than " + std::to_string(limits::reply) + " octets");
}

Result<> reply(const UniqueFd& pipe, std::string_view text) {
  if (text.size() > limits::reply) return reply_too_long();
  std::string message(1, replied);
  message += text;
  return write_all(pipe, message, "cannot reply to the keeper", Exit::unavailable);
}

enum class PipeState : uint8_t { open, closed };

Result<PipeState> read_some(const UniqueFd& pipe, std::string& text) {
  std::array<char, 512> block{};
  const ssize_t got = ::read(pipe.get(), block.data(), block.size());
  if (got < 0 && errno == EINTR) return PipeState::open;
  if (got < 0) return std::unexpected(Error::system("cannot read from the child", Exit::unavailable));
  text.append(block.data(), static_cast<size_t>(got));
  return got == 0 ? PipeState::closed : PipeState::open;
}

// Returns when the pipe is closed, with the failure that the child has reported.
Result<> read_failure(const UniqueFd& pipe) {
  std::string text;
  while (TRY(read_some(pipe, text)) == PipeState::open) {
  }
  if (text.empty()) return {};
  return fail(static_cast<Exit>(text.front()), text.substr(1));
}

// Everything that the child writes until it closes the pipe. Empty if the deadline passes first.
Result<std::optional<std::string>> read_until(const UniqueFd& pipe, steady_clock::time_point deadline) {
  std::string text;
  while (text.size() <= 1 + limits::reply) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    pollfd waiting{pipe.get(), POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::max(left, milliseconds(0)).count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return std::unexpected(Error::system("cannot wait for the child", Exit::unavailable));
    if (ready == 0) return std::nullopt;
    if (TRY(read_some(pipe, text)) == PipeState::closed) return text;
  }
  return reply_too_long();
}

// The kernel kills this child when the keeper ends. A keeper that has ended before this call is an
// error. A change of the user resets the setting, so call this after the change.
Result<> end_with(pid_t keeper) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
    return std::unexpected(Error::system("cannot make a confined process end with the keeper"));
  if (::getppid() != keeper) return fail(Exit::unavailable, "the keeper has ended");
  return {};
}

// `work` gets the keeper's process id from before the fork.
template <typename Work>
Result<pid_t> fork_child(const UniqueFd& pipe, Work work) {
  const pid_t keeper = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return std::unexpected(Error::system("fork", Exit::unavailable));
  if (pid > 0) return pid;
  const Result<> result = work(keeper);
  if (!result) report_failure(pipe, result.error());
  ::_exit(result ? 0 : static_cast<int>(result.error().exit));
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

Result<> become_and_exec(pid_t keeper, const confine::Identity& identity, const confine::Command& command,
                         const Terminal& terminal) {
  const bool in_the_foreground = terminal.is_ours();
  if (::setpgid(0, 0) != 0) return std::unexpected(Error::system("cannot make a process group"));
  if (in_the_foreground) terminal.give_to(::getpid());
  auto proof = TRY(confine::confine(identity));
  TRY(end_with(keeper));
  return std::unexpected(confine::exec(std::move(proof), command));
}

}  // namespace

Result<pid_t> spawn(const confine::Identity& identity, const confine::Command& command,
                    const Terminal& terminal) {
  Pipe pipe = TRY(make_pipe());
  const pid_t pid = TRY(fork_child(
      pipe.write, [&](pid_t keeper) { return become_and_exec(keeper, identity, command, terminal); }));
  pipe.write.reset();
  Result<> started = read_failure(pipe.read);
  if (started) return pid;
  wait_for(pid);
  if (terminal.belongs_to(pid)) terminal.give_to(::getpgrp());
  return std::unexpected(std::move(started).error());
}

Result<> run_confined(const confine::Identity& identity, Result<> (*work)(const void* context),
                      const void* context) {
  Pipe pipe = TRY(make_pipe());
  const pid_t pid = TRY(fork_child(pipe.write, [&](pid_t keeper) -> Result<> {
    TRY(confine::confine(identity));
    TRY(end_with(keeper));
    return work(context);
  }));
  pipe.write.reset();
  Result<> done = read_failure(pipe.read);
  const int status = wait_for(pid);
  if (done && status != 0)
    return fail(Exit::unavailable, "a confined helper ended with wait status " + std::to_string(status));
  return done;
}

Result<std::string> ask_confined(const confine::Identity& identity, milliseconds time_limit,
                                 Result<std::string> (*work)(const void* context), const void* context) {
  const auto deadline = steady_clock::now() + time_limit;
  Pipe pipe = TRY(make_pipe());
  const pid_t pid = TRY(fork_child(pipe.write, [&](pid_t keeper) -> Result<> {
    TRY(confine::confine(identity));
    TRY(end_with(keeper));
    return reply(pipe.write, TRY(work(context)));
  }));
  pipe.write.reset();
  auto written = read_until(pipe.read, deadline);
  if (!written || !*written) {
    // Without CAP_KILL the keeper cannot kill another user's process. Then it must not wait: the
    // process may never end.
    if (::kill(pid, SIGKILL) == 0) wait_for(pid);
    if (!written) return std::unexpected(std::move(written).error());
    return fail(Exit::unavailable,
                "a confined helper did not end within " + std::to_string(time_limit.count()) + " ms");
  }
  const int status = wait_for(pid);
  const std::string& text = **written;
  if (!text.empty() && text.front() != replied) return fail(static_cast<Exit>(text.front()), text.substr(1));
  if (text.empty() || status != 0)
    return fail(Exit::unavailable, "a confined helper ended with wait status " + std::to_string(status));
  return text.substr(1);
}

}  // namespace ostiary::keeper
