#include "ostiary/event/signals.h"

#include <string>

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ostiary::event {
namespace {

sigset_t all_but_faults() {
  sigset_t set;
  sigfillset(&set);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) sigdelset(&set, fault);
  return set;
}

// Calls the kernel directly: the C library reserves two signals and refuses to reset them, although
// its posix_spawn() can start a program with them ignored.
long reset(int signal) {
  const struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    uint64_t mask;
  } standard{SIG_DFL, 0, nullptr, 0};  // the kernel's struct sigaction
  return ::syscall(SYS_rt_sigaction, signal, &standard, nullptr, sizeof standard.mask);
}

}  // namespace

Result<> reset_dispositions() {
  for (int signal = 1; signal < NSIG; ++signal) {
    const bool fixed = signal == SIGKILL || signal == SIGSTOP;
    if (!fixed && reset(signal) != 0)
      return std::unexpected(Error::system("cannot reset signal " + std::to_string(signal)));
  }
  return {};
}

Result<Signals> Signals::create() {
  const sigset_t set = all_but_faults();
  if (::sigprocmask(SIG_SETMASK, &set, nullptr) != 0)
    return std::unexpected(Error::system("cannot block signals", Exit::unavailable));
  TRY(reset_dispositions());
  return of(set);
}

Result<Signals> Signals::only(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  return of(set);
}

Result<Signals> Signals::of(const sigset_t& set) {
  UniqueFd fd{::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
  if (!fd.valid()) return std::unexpected(Error::system("signalfd", Exit::unavailable));
  return Signals(set, std::move(fd));
}

Result<std::optional<Signal>> Signals::next(Deadline deadline) {
  while (true) {
    const auto left = time_until(deadline);
    const int number = ::sigtimedwait(&set_, nullptr, left ? &*left : nullptr);
    if (number > 0) return Signal{number};
    if (errno == EAGAIN) return std::nullopt;
    if (errno != EINTR) return std::unexpected(Error::system("sigtimedwait", Exit::unavailable));
  }
}

}  // namespace ostiary::event
