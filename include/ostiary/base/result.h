// base/result.h: failure as a value.
// - An Error holds one line for a person: what is wrong, where, and what to write instead.
// - It also holds the exit status of the program if no caller handles the error.
// - It never holds a secret.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace ostiary {

// The exit statuses that are not the agent's own (docs/configuration.md, "Exit status").
enum class Exit : uint8_t {
  usage = 64,
  missing_input = 66,
  unavailable = 69,
  not_permitted = 77,
  configuration = 78,
  not_executable = 126,
  not_found = 127,
};

struct Error {
  Exit exit = Exit::configuration;
  std::string message;

  // A failed system call: "<what>: <strerror>". Reads errno, so call it right after the failure.
  static Error system(std::string_view what, Exit exit = Exit::not_permitted);
  // Adds context in front of the message: "<where>: <message>".
  Error within(std::string_view where) &&;
};

template <typename T = void>
using Result = std::expected<T, Error>;

std::unexpected<Error> fail(Exit exit, std::string message);

namespace detail {
template <typename T>
T release(std::expected<T, Error>& result) {
  return *std::move(result);
}
inline void release(std::expected<void, Error>&) {}
}  // namespace detail

}  // namespace ostiary

// Evaluates to the value of a Result, or returns its error from the function.
#define TRY(expression) OSTIARY_TRY(OSTIARY_JOIN(try_result_, __COUNTER__), expression)
#define OSTIARY_JOIN(a, b) OSTIARY_JOIN_EXPANDED(a, b)
#define OSTIARY_JOIN_EXPANDED(a, b) a##b
// A GNU statement expression, so that TRY can be part of an expression. GCC 12's std::expected has
// no and_then(), and chains of lambdas would hide the order of the steps. TRY returns from the
// function that contains it: do not use it in a destructor, or in a lambda that must not return.
#define OSTIARY_TRY(result, expression)                             \
  __extension__({                                                   \
    auto result = (expression);                                     \
    if (!result) return std::unexpected(std::move(result).error()); \
    ::ostiary::detail::release(result);                             \
  })
