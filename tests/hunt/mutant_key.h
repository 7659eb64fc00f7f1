// hunt/mutant_key.h: which mutant a program of the tests is.
// The key stands behind the program's own octets, where scripts/hunt writes it: "\nMUTANT " and the key.
// The shipped program has none of this.
#pragma once

#include <string>
#include <string_view>

namespace ostiary::hunt {

// Of a mutant, by the words that make it the only one.
std::string key_of(std::string_view words);

// Empty: this program is none.
std::string key_of_this_program();

}  // namespace ostiary::hunt
