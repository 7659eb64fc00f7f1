// relay/redact.h: a collector may repeat what it was sent.
#pragma once

#include <string>
#include <string_view>

namespace ostiary::relay {

// The text with "(secret)" in place of each value of the header lines, and of the token in it: "Bearer TOKEN". Another text
// in its place, if a part of a token remains.
std::string without_credentials(std::string text, std::string_view header_lines);

}  // namespace ostiary::relay
