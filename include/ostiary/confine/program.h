// confine/program.h: whether a program's name leads anywhere, seen before its exec.
#pragma once

#include <string>
#include <string_view>

namespace ostiary::confine {

// Whether an exec of this name in this directory is sure to find nothing, with `path` for PATH. What we may
// not look at may be there for another, and without a PATH the C library has its own.
bool leads_nowhere(std::string_view name, std::string_view path, std::string_view directory);

}  // namespace ostiary::confine
