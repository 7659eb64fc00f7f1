#include "ostiary/base/log.h"

#include <array>
#include <cerrno>
#include <string>

#include <poll.h>
#include <unistd.h>

#include "ostiary/base/escape.h"
#include "ostiary/base/text.h"

namespace ostiary::log {
namespace {

constexpr std::array<std::string_view, 4> level_names{"debug", "info", "warn", "error"};

Level lowest_level = Level::info;

// If the reader of standard error is stuck, drop the message: a blocked write would stop the whole
// process. A pipe that polls as writable takes a whole line.
bool is_writable() {
  constexpr int timeout_ms = 100;
  pollfd out{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  return ::poll(&out, 1, timeout_ms) != 0;
}

void write(Level level, std::string_view prefix, std::string_view message) {
  if (level < lowest_level || !is_writable()) return;
  std::string line;
  append(line, {"ostiary: ", prefix, escape_controls(message), "\n"});
  while (::write(STDERR_FILENO, line.data(), line.size()) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<Level> parse_level(std::string_view text) {
  for (size_t i = 0; i < level_names.size(); ++i)
    if (text == level_names[i]) return static_cast<Level>(i);
  return fail(Exit::configuration, "is not a log level: write debug, info, warn or error");
}

void set_level(Level level) {
  lowest_level = level;
}

void debug(std::string_view message) {
  write(Level::debug, "", message);
}
void info(std::string_view message) {
  write(Level::info, "", message);
}
void warn(std::string_view message) {
  write(Level::warn, "warning: ", message);
}
void error(std::string_view message) {
  write(Level::error, "error: ", message);
}

}  // namespace ostiary::log
