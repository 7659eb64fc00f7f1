#include "waits.h"

#include <atomic>
#include <new>

#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

namespace {

using std::chrono::nanoseconds;

using Total = std::atomic<nanoseconds>;
static_assert(Total::is_always_lock_free);

// In memory that forked processes share.
Total& total() {
  static Total* const shared =
      new (::mmap(nullptr, sizeof(Total), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Total;
  return *shared;
}

void note(nanoseconds wait) {
  if (wait < std::chrono::milliseconds(1)) return;
  for (nanoseconds before = total(); !total().compare_exchange_weak(before, before + wait);) {
  }
}

nanoseconds length(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

namespace ostiary::testing {

nanoseconds waited_in_vain() {
  return total();
}

ExcusedWaits::~ExcusedWaits() {
  total() = before_;
}

}  // namespace ostiary::testing

// These replace the C library's.

extern "C" int poll(pollfd* fds, nfds_t count, int timeout) {
  static auto* const original = real<decltype(poll)>("poll");
  const int ready = original(fds, count, timeout);
  if (ready == 0 && timeout > 0) note(std::chrono::milliseconds(timeout));
  return ready;
}

extern "C" int epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  static auto* const original = real<decltype(epoll_wait)>("epoll_wait");
  const int ready = original(epoll, events, most, timeout);
  if (ready == 0 && timeout > 0) note(std::chrono::milliseconds(timeout));
  return ready;
}

extern "C" int sigtimedwait(const sigset_t* signals, siginfo_t* signal, const timespec* timeout) {
  static auto* const original = real<decltype(sigtimedwait)>("sigtimedwait");
  const int number = original(signals, signal, timeout);
  if (number < 0 && timeout != nullptr) note(length(*timeout));
  return number;
}

extern "C" int nanosleep(const timespec* time, timespec* left) {
  static auto* const original = real<decltype(nanosleep)>("nanosleep");
  note(length(*time));
  return original(time, left);
}

extern "C" int usleep(useconds_t microseconds) {
  static auto* const original = real<decltype(usleep)>("usleep");
  note(std::chrono::microseconds(microseconds));
  return original(microseconds);
}
