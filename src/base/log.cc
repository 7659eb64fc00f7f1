#include "ostiary/base/log.h"

#include <array>
#include <memory>

#include <poll.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "ostiary/base/escape.h"

namespace ostiary::log {
namespace {

constexpr std::array<std::string_view, 4> level_names{"debug", "info", "warn", "error"};

spdlog::logger& logger() {
  static spdlog::logger instance = [] {
    spdlog::logger made("ostiary", std::make_shared<spdlog::sinks::stderr_sink_st>());
    made.set_pattern("ostiary: %v");
    made.flush_on(spdlog::level::debug);
    return made;
  }();
  return instance;
}

// If the reader of standard error is stuck, drop the message: a blocked write would stop the whole
// process. A pipe that polls as writable takes a whole line.
bool is_writable() {
  constexpr int timeout_ms = 100;
  pollfd out{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  return ::poll(&out, 1, timeout_ms) != 0;
}

void write(spdlog::level::level_enum level, std::string_view prefix, std::string_view message) {
  if (!logger().should_log(level) || !is_writable()) return;
  logger().log(level, "{}{}", prefix, escape_controls(message));
}

}  // namespace

Result<Level> parse_level(std::string_view text) {
  for (size_t i = 0; i < level_names.size(); ++i)
    if (text == level_names[i]) return static_cast<Level>(i);
  return fail(Exit::configuration, "is not a log level: write debug, info, warn or error");
}

void set_level(Level level) {
  constexpr std::array levels{spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                              spdlog::level::err};
  logger().set_level(levels.at(static_cast<size_t>(level)));
}

void debug(std::string_view message) {
  write(spdlog::level::debug, "", message);
}
void info(std::string_view message) {
  write(spdlog::level::info, "", message);
}
void warn(std::string_view message) {
  write(spdlog::level::warn, "warning: ", message);
}
void error(std::string_view message) {
  write(spdlog::level::err, "error: ", message);
}

}  // namespace ostiary::log
