// policy/slip.h: frequent mistakes in an entry, and what to write instead.
#pragma once

#include <string>
#include <string_view>

namespace ostiary::policy {

// Says what is wrong with the entry, to follow its quoted text. Empty if it has none of these
// mistakes: a blank, a comma between hosts, a variable, a dot in front, a path. Empty for an entry
// that may hold a password, whose parts no error may show.
std::string find_slip(std::string_view entry);

// The error for a list with an "@". Shows "git@HOST", and no other text: it may be a password.
std::string describe_at_sign(std::string_view list);

}  // namespace ostiary::policy
