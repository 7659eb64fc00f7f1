#include "ostiary/keeper/helper.h"

#include <array>
#include <utility>

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch.h"
#include "ostiary/keeper/channel.h"

namespace ostiary::keeper {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr milliseconds time_to_end = 1s;
constexpr milliseconds time_to_be_killed = 5s;

bool is_readable(int fd, milliseconds limit) {
  pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&readable, 1, static_cast<int>(limit.count())) > 0;
}

}  // namespace

Helper::Helper(const HelperDescription& description, Code code, StartModes modes, HelperOwner owner,
               HelperEvents events)
    : description_(description),
      code_(std::move(code)),
      next_start_(modes.first),
      later_starts_(modes.later),
      owner_(std::move(owner)),
      events_(std::move(events)),
      deaths_(description.max_deaths) {}

Result<> Helper::start() {
  const Start start = TRY(owner_.prepare());
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return std::unexpected(Error::system("socketpair", Exit::unavailable));
  channel_ = UniqueFd(ends[0]);
  const UniqueFd its_end(ends[1]);
  process_ = TRY(launch({.process_name = description_.process_name,
                         .run = code_.run,
                         .file = code_.file.get(),
                         .mode = std::exchange(next_start_, later_starts_)},
                        start, its_end.get()));
  return {};
}

void Helper::begin() {
  has_begun_ = true;
  begin_due_.reset();
  events_.on_begun(process_, deaths_.count());
}

Error Helper::late() const {
  return {Exit::unavailable, "the " + std::string(description_.name) + " did not answer in time"};
}

Result<std::optional<std::string>> Helper::receive(milliseconds limit) {
  if (!is_readable(channel_.get(), limit)) return std::unexpected(late());
  auto octets = TRY(keeper::receive(channel_.get()));
  if (!octets) channel_.reset();
  return octets;
}

Result<> Helper::send(std::string_view octets) {
  return keeper::send(channel_.get(), octets);
}

Result<> Helper::send_with_descriptor(std::string_view octets, int descriptor) {
  return keeper::send_with_descriptor(channel_.get(), octets, descriptor);
}

Result<> Helper::serve(Time now) {
  TRY(take_message());
  if (begin_due_ && *begin_due_ <= now) return std::unexpected(late());
  if (!restart_due_ || *restart_due_ > now) return {};
  restart_due_.reset();
  if (const Result<> started = start(); !started) {
    channel_.reset();
    events_.on_failed_restart(started.error());
    return count_death(now);
  }
  begin_due_ = now + time_to_begin;
  return {};
}

bool Helper::has_message() const {
  return channel_.valid() && is_readable(channel_.get(), 0ms);
}

Result<> Helper::take_message() {
  if (!has_message()) return {};
  const auto octets = receive(0ms);
  if (!octets) channel_.reset();
  return octets && *octets ? owner_.on_message(**octets) : Result<>{};
}

Result<> Helper::on_end(int wait_status, Time now) {
  while (has_begun_ && has_message()) TRY(take_message());
  channel_.reset();
  has_begun_ = false;
  begin_due_.reset();
  events_.on_death(std::exchange(process_, 0), wait_status);
  return count_death(now);
}

Result<> Helper::count_death(Time now) {
  if (next_start_ == StartMode::never)
    return fail(Exit::unavailable, "the " + std::string(description_.name) +
                                       " ended, and beside a root agent it cannot be started again");
  deaths_.note(now);
  if (deaths_.too_many())
    return fail(Exit::unavailable, "the " + std::string(description_.name) + " ended " +
                                       std::to_string(deaths_.count()) + " times within a minute");
  restart_due_ = now + pause_before_restart(deaths_.count());
  return {};
}

void Helper::end() {
  channel_.reset();
  has_begun_ = false;
  restart_due_.reset();
  begin_due_.reset();
  const pid_t pid = std::exchange(process_, 0);
  if (pid == 0) return;
  const auto to_end = steady_clock::now() + time_to_end;
  const auto to_be_killed = to_end + time_to_be_killed;
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    const auto now = steady_clock::now();
    // Without CAP_KILL the keeper cannot kill another user's process, and a traced process may not
    // end although it is killed.
    if ((now > to_end && ::kill(pid, SIGKILL) != 0) || now > to_be_killed) return;
    ::usleep(500);
  }
}

}  // namespace ostiary::keeper
