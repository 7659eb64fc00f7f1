// base/log.h: the human log, one line a message on standard error.
// Control characters are escaped, so no value can forge a line. Only boot, the keeper and the command line
// log; everything below them returns what it has to say.
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
