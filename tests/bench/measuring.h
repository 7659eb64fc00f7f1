// Common code of the tools of scripts/bench: measuring time, and error exits.
#pragma once

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "ostiary/base/result.h"

namespace ostiary::bench {

[[noreturn]] inline void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(EXIT_FAILURE);
}

template <typename T>
T needed(Result<T> result) {
  if (!result) give_up(result.error().message);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// The only argument: a number, at least 1.
inline size_t count_of(int argc, char** argv) {
  size_t count = 0;
  if (argc == 2) std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), count);
  if (count == 0) give_up("usage: one argument, how often everyone has a turn");
  return count;
}

// The time of one call, if `work` performs `times` calls.
template <typename Work>
double nanoseconds_each(size_t times, Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  std::forward<Work>(work)();
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - start;
  return taken.count() / static_cast<double>(times);
}

}  // namespace ostiary::bench
