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

bool is_readable(int fd, milliseconds limit) {
  pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&readable, 1, static_cast<int>(limit.count())) > 0;
}

}  // namespace

Helper::Helper(const HelperDescription& description, HelperCallbacks callbacks)
    : description_(description), callbacks_(std::move(callbacks)), deaths_(description.max_deaths) {}

Result<Beginning> Helper::start() {
  const Start how = callbacks_.prepare();
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return std::unexpected(Error::system("socketpair", Exit::unavailable));
  channel_ = UniqueFd(ends[0]);
  UniqueFd its_end(ends[1]);
  process_ = TRY(launch(description_, how, its_end.get()));
  its_end.reset();  // else its death would not end the channel
  return callbacks_.begin();
}

Result<std::optional<std::string>> Helper::receive(milliseconds limit) {
  if (!is_readable(channel_.get(), limit))
    return fail(Exit::unavailable, "the " + std::string(description_.name) + " did not answer in time");
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
  take_message();
  if (!restart_due_ || *restart_due_ > now) return {};
  restart_due_.reset();
  if (TRY(start()) == Beginning::begun) callbacks_.on_restart(deaths_.count());
  return {};
}

void Helper::take_message() {
  if (!channel_.valid() || !is_readable(channel_.get(), 0ms)) return;
  const auto octets = receive(0ms);
  if (octets && *octets) callbacks_.on_message(**octets);
}

Result<> Helper::on_end(int wait_status, Time now) {
  channel_.reset();
  callbacks_.on_death(std::exchange(process_, 0), wait_status);
  deaths_.note(now);
  if (deaths_.too_many())
    return fail(Exit::unavailable, "the " + std::string(description_.name) + " ended " +
                                       std::to_string(deaths_.count()) + " times within a minute");
  restart_due_ = now + pause_before_restart(deaths_.count());
  return {};
}

void Helper::end() {
  channel_.reset();
  restart_due_.reset();
  const pid_t pid = std::exchange(process_, 0);
  if (pid == 0) return;
  const auto deadline = steady_clock::now() + time_to_end;
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    // Without CAP_KILL the keeper cannot kill another user's process. Then it must not wait: the
    // process may never end.
    if (steady_clock::now() > deadline && ::kill(pid, SIGKILL) != 0) return;
    ::usleep(500);
  }
}

}  // namespace ostiary::keeper
