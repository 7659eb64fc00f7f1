// telemetry/utf8.h: reads UTF-8 strictly.
// RFC 3629: no surrogates, no overlong forms, no character above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace ostiary::telemetry {

// The number of octets of the first character. 0 if the text does not begin with a valid character.
size_t utf8_character(std::string_view text);

// Whether the character is a C0 or C1 control or DEL.
bool is_control(std::string_view character);

}  // namespace ostiary::telemetry
