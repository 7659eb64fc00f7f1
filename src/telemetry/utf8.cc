#include "telemetry/utf8.h"

#include <array>
#include <cstdint>

namespace ostiary::telemetry {
namespace {

// The well-formed sequences of the Unicode standard (table 3-7). Octets after the second are 80 to
// BF.
struct Form {
  uint8_t first_min, first_max;
  size_t size;
  uint8_t second_min, second_max;
};

constexpr std::array forms{
    Form{0x00, 0x7f, 1, 0x00, 0x00}, Form{0xc2, 0xdf, 2, 0x80, 0xbf}, Form{0xe0, 0xe0, 3, 0xa0, 0xbf},
    Form{0xe1, 0xec, 3, 0x80, 0xbf}, Form{0xed, 0xed, 3, 0x80, 0x9f}, Form{0xee, 0xef, 3, 0x80, 0xbf},
    Form{0xf0, 0xf0, 4, 0x90, 0xbf}, Form{0xf1, 0xf3, 4, 0x80, 0xbf}, Form{0xf4, 0xf4, 4, 0x80, 0x8f},
};

bool matches(const Form& form, std::string_view text) {
  const auto between = [text](size_t i, uint8_t min, uint8_t max) {
    return static_cast<uint8_t>(text[i]) >= min && static_cast<uint8_t>(text[i]) <= max;
  };
  if (text.size() < form.size || !between(0, form.first_min, form.first_max)) return false;
  if (form.size > 1 && !between(1, form.second_min, form.second_max)) return false;
  for (size_t i = 2; i < form.size; ++i)
    if (!between(i, 0x80, 0xbf)) return false;
  return true;
}

}  // namespace

size_t utf8_character(std::string_view text) {
  for (const Form& form : forms)
    if (matches(form, text)) return form.size;
  return 0;
}

bool is_control(std::string_view character) {
  const auto first = static_cast<uint8_t>(character.front());
  if (character.size() == 1) return first < 0x20 || first == 0x7f;
  return character.size() == 2 && first == 0xc2 && static_cast<uint8_t>(character[1]) < 0xa0;
}

}  // namespace ostiary::telemetry
