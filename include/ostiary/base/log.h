// base/log.h: the log for people: one line for each message, on standard error.
// - Control characters are escaped, so no value can forge a line.
// - A message is dropped if standard error does not accept it within 100 ms.
// - Only boot, the keeper and the command line log. Modules below them return their messages.
#pragma once

#include <cstdint>
#include <string_view>

#include "ostiary/base/result.h"

namespace ostiary::log {

enum class Level : uint8_t { debug, info, warn, error };

Result<Level> parse_level(std::string_view text);
void set_level(Level level);

void debug(std::string_view message);
void info(std::string_view message);
void warn(std::string_view message);
void error(std::string_view message);

}  // namespace ostiary::log
