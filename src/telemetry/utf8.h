// telemetry/utf8.h: UTF-8, read strictly (RFC 3629: no surrogates, no overlong forms, nothing above
// U+10FFFF).
#pragma once

#include <cstddef>
#include <string_view>

namespace ostiary::telemetry {

// The octets of the character the text begins with; 0 where it begins with none.
size_t utf8_character(std::string_view text);

// Whether the character is a C0 or C1 control or DEL.
bool is_control(std::string_view character);

}  // namespace ostiary::telemetry
