// confine/program.h: finds out before the exec of a program that it does not exist.
#pragma once

#include <string>
#include <string_view>

namespace ostiary::confine {

// Whether an exec of `name` in `directory`, with PATH `path`, is certain to find no file. A file
// that we may not look at may exist for the agent. Without a PATH the C library has its own.
bool leads_nowhere(std::string_view name, std::string_view path, std::string_view directory);

}  // namespace ostiary::confine
