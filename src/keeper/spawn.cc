#include "ostiary/keeper/spawn.h"

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

#include "ostiary/base/child.h"
#include "ostiary/base/record.h"
#include "ostiary/base/replace_file.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/deadline.h"

namespace ostiary::keeper {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// The child reports through a pipe, as one record: a failure, or a reply. The pipe closes when the
// child executes a program or ends.
enum class Report : uint8_t { failed, replied };
constexpr std::array every_report{Report::failed, Report::replied};
constexpr size_t max_message = 4000;
constexpr size_t max_report = limits::reply + 64;
static_assert(max_message < limits::reply);

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::unexpected(Error::system("pipe", Exit::unavailable));
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<> send(const UniqueFd& pipe, RecordWriter& record) {
  return write_all(pipe, record.take(), "cannot reply to the keeper", Exit::unavailable);
}

void report_failure(const UniqueFd& pipe, const Error& error) {
  // If the write fails, the parent sees only the child's exit status.
  (void)send(pipe, RecordWriter()
                       .enumerator(Report::failed)
                       .enumerator(error.exit)
                       .text(error.message.substr(0, max_message)));
}

std::unexpected<Error> reply_too_long() {
  return fail(Exit::unavailable, "the reply of a confined child process is longer than " +
                                     std::to_string(limits::reply) + " octets");
}

Result<> reply(const UniqueFd& pipe, std::string_view text) {
  if (text.size() > limits::reply) return reply_too_long();
  return send(pipe, RecordWriter().enumerator(Report::replied).text(text));
}

enum class PipeState : uint8_t { open, closed };

Result<PipeState> read_some(const UniqueFd& pipe, std::string& octets) {
  std::array<char, 512> block{};
  const ssize_t got = ::read(pipe.get(), block.data(), block.size());
  if (got < 0 && errno == EINTR) return PipeState::open;
  if (got < 0) return std::unexpected(Error::system("cannot read from the child", Exit::unavailable));
  octets.append(block.data(), static_cast<size_t>(got));
  return got == 0 ? PipeState::closed : PipeState::open;
}

struct Patience {
  milliseconds time_limit;
  int interruption = -1;  // ends the wait when it becomes readable; -1: nothing does
};

// Everything that the child writes until it closes the pipe. Empty after an interruption.
Result<std::optional<std::string>> read_all(const UniqueFd& pipe, const Patience& patience) {
  const event::Deadline deadline = steady_clock::now() + patience.time_limit;
  std::string octets;
  while (octets.size() <= max_report) {
    std::array<pollfd, 2> waiting{{{.fd = pipe.get(), .events = POLLIN, .revents = 0},
                                   {.fd = patience.interruption, .events = POLLIN, .revents = 0}}};
    const int ready = ::poll(waiting.data(), waiting.size(), event::milliseconds_until(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return std::unexpected(Error::system("cannot wait for the child", Exit::unavailable));
    if (ready == 0)
      return fail(Exit::unavailable, "a confined child process did not end within " +
                                         std::to_string(patience.time_limit.count()) + " ms");
    if (waiting[1].revents != 0) return std::nullopt;
    if (TRY(read_some(pipe, octets)) == PipeState::closed) return octets;
  }
  return reply_too_long();
}

// The child's reply, or its failure as an error. Empty if the report is neither.
Result<std::optional<std::string>> parse_report(std::string_view octets) {
  RecordReader reader(octets);
  const bool has_failed = reader.enumerator(every_report) == Report::failed;
  const Exit exit = has_failed ? reader.enumerator(every_exit) : Exit::unavailable;
  std::string text = reader.text();
  if (!reader.complete()) return std::nullopt;
  if (has_failed) return fail(exit, std::move(text));
  return text;
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

// The octets that the child writes until it closes the pipe. Another process of the child's user
// can stop the child: it is killed after the time limit. Empty after an interruption, which kills
// it as well.
Result<std::optional<std::string>> await_report(const UniqueFd& pipe, pid_t pid, const Patience& patience) {
  auto octets = read_all(pipe, patience);
  if (octets && *octets) return octets;
  // Without CAP_KILL the keeper cannot kill another user's process. Then it must not wait: the
  // process may never end.
  if (::kill(pid, SIGKILL) == 0) wait_for_end(pid);
  return octets;
}

// The failure that the child has reported, if there is one.
Result<> failure_in(std::string_view report) {
  if (report.empty() || TRY(parse_report(report))) return {};
  return fail(Exit::unavailable, "malformed report from a confined child process");
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
  const auto report = await_report(pipe.read, pid, {.time_limit = limits::to_start});
  Result<> started = report ? failure_in(**report) : std::unexpected(report.error());
  if (started) return pid;
  if (report) wait_for_end(pid);
  if (terminal.belongs_to(pid)) terminal.give_to(::getpgrp());
  return std::unexpected(std::move(started).error());
}

Result<Completion> run_confined(const confine::Identity& identity, milliseconds time_limit,
                                const event::Signals& requests, Result<> (*work)(const void* context),
                                const void* context) {
  Pipe pipe = TRY(make_pipe());
  const pid_t pid = TRY(fork_child(pipe.write, [&](pid_t keeper) -> Result<> {
    TRY(confine::confine(identity));
    TRY(end_with(keeper));
    return work(context);
  }));
  pipe.write.reset();
  const auto report =
      TRY(await_report(pipe.read, pid, {.time_limit = time_limit, .interruption = requests.fd()}));
  if (!report) return Completion::interrupted;
  const int status = wait_for_end(pid);
  TRY(failure_in(*report));
  if (status != 0)
    return fail(Exit::unavailable,
                "a confined child process ended with wait status " + std::to_string(status));
  return Completion::done;
}

Result<std::string> ask_confined(const confine::Identity& identity, milliseconds time_limit,
                                 Result<std::string> (*work)(const void* context), const void* context) {
  Pipe pipe = TRY(make_pipe());
  const pid_t pid = TRY(fork_child(pipe.write, [&](pid_t keeper) -> Result<> {
    TRY(confine::confine(identity));
    TRY(end_with(keeper));
    return reply(pipe.write, TRY(work(context)));
  }));
  pipe.write.reset();
  const auto report = TRY(await_report(pipe.read, pid, {.time_limit = time_limit}));
  const int status = wait_for_end(pid);
  auto reply = TRY(parse_report(*report));
  if (!reply || status != 0)
    return fail(Exit::unavailable,
                "a confined child process ended with wait status " + std::to_string(status));
  return *std::move(reply);
}

}  // namespace ostiary::keeper
