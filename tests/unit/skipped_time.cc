#include "skipped_time.h"

#include <atomic>

#include <dlfcn.h>
#include <time.h>

namespace {

std::atomic<std::chrono::nanoseconds> skipped;

}  // namespace

namespace ostiary::testing {

void skip_time(std::chrono::nanoseconds time) {
  skipped = skipped.load() + time;
}

}  // namespace ostiary::testing

// Replaces the C library's, for the shared libraries as well.
extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  using namespace std::chrono;
  static const auto real = reinterpret_cast<decltype(&clock_gettime)>(::dlsym(RTLD_NEXT, "clock_gettime"));
  const int result = real(clock, time);
  if (result != 0 || clock != CLOCK_MONOTONIC) return result;
  const nanoseconds ahead = nanoseconds(time->tv_nsec) + skipped.load();
  time->tv_sec += floor<seconds>(ahead).count();
  time->tv_nsec = (ahead % seconds(1)).count();
  return result;
}
