// hunt/mutant_key.h: which mutant a program is.
// scripts/hunt appends "\nMUTANT " and the key to the program file. The shipped program does not
// contain this code.
#pragma once

#include <string>
#include <string_view>

namespace ostiary::hunt {

// The key of a mutant, from words that identify it uniquely.
std::string key_of(std::string_view words);

// Empty if this program is not a mutant.
std::string key_of_this_program();

}  // namespace ostiary::hunt
