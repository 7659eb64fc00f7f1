#include "standard_input.h"

#include <array>
#include <cerrno>
#include <string>

#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "ostiary/base/log.h"
#include "ostiary/event/signals.h"

namespace ostiary::cli {
namespace {

constexpr size_t terminal_octets = 4095;

// While it exists, signals wait.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t held;
    sigfillset(&held);
    ::sigprocmask(SIG_BLOCK, &held, &before_);
  }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

// While it exists, the terminal does not show what is typed.
class HiddenInput {
 public:
  HiddenInput() : is_terminal_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!is_terminal_) return;
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  HiddenInput(const HiddenInput&) = delete;
  HiddenInput& operator=(const HiddenInput&) = delete;
  ~HiddenInput() {
    if (is_terminal_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  bool is_terminal() const { return is_terminal_; }

 private:
  termios before_{};
  bool is_terminal_;
};

// Waits for input. An error if a signal comes first.
Result<> wait_for_input(const event::Signals& signals) {
  std::array<pollfd, 2> waited{pollfd{.fd = signals.fd(), .events = POLLIN, .revents = 0},
                               pollfd{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}};
  while (::poll(waited.data(), waited.size(), -1) < 0)
    if (errno != EINTR) return std::unexpected(Error::system("poll", Exit::unavailable));
  if (waited.front().revents != 0)
    return fail(Exit::missing_input, "standard input: a signal came first: run the command again");
  return {};
}

}  // namespace

Result<Secret> read_standard_input() {
  // The signal that ended the wait is delivered when the terminal is as before.
  const HeldSignals held;
  const HiddenInput input;
  const event::Signals signals = TRY(event::Signals::only({SIGINT, SIGTERM, SIGHUP, SIGQUIT}));
  if (input.is_terminal()) log::info("type the value of the header, which is not shown, then press Enter");
  std::string text;
  text.reserve(max_input_octets + 1);
  while (text.size() <= max_input_octets) {
    TRY(wait_for_input(signals));
    char octet = 0;
    const ssize_t octets = ::read(STDIN_FILENO, &octet, 1);
    if (octets < 0 && errno == EINTR) continue;
    if (octets < 0) return std::unexpected(Error::system("standard input", Exit::missing_input));
    if (octets == 0 || (input.is_terminal() && octet == '\n')) break;
    text += octet;
  }
  Secret whole(std::move(text));
  // The terminal cuts a line there.
  if (input.is_terminal() && whole.reveal().size() >= terminal_octets)
    return fail(Exit::configuration,
                "standard input: is too long for a terminal: write the value into a file, and < FILE");
  if (whole.reveal().size() > max_input_octets)
    return fail(Exit::configuration, "standard input is longer than 64 KiB: write the header alone");
  return whole;
}

}  // namespace ostiary::cli
