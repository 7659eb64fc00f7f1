// telemetry/percent.h: percent-encodes and decodes single bytes.
#pragma once

#include <string>
#include <string_view>

namespace ostiary::telemetry {

// Whether every '%' is followed by two hexadecimal digits.
bool is_percent_encoded(std::string_view text);

// Requires is_percent_encoded(text). Appends at most text.size() bytes.
void append_percent_decoded(std::string& out, std::string_view text);

// Every byte outside [A-Za-z0-9._~:/@-] becomes %XX, in upper case.
void append_percent_encoded(std::string& out, std::string_view bytes);
size_t percent_encoded_size(std::string_view bytes);

}  // namespace ostiary::telemetry
