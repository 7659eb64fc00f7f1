#include "ostiary/http/target.h"

#include <algorithm>
#include <string>

#include "ostiary/base/encoding.h"
#include "ostiary/base/text.h"
#include "ostiary/http/field.h"

namespace ostiary::http {
namespace {

constexpr bool is_query_octet(char c) {
  return is_alphanumeric(c) || std::string_view("-._~:@=&+,%").contains(c);
}

// Whether an octet that a percent sequence stands for can divide or end a path, or a line.
constexpr bool is_harmful(char c) {
  return is_forbidden_control(c) || c == '\t' || std::string_view("/\\.?#%;").contains(c);
}

bool is_query(std::string_view text) {
  if (!std::ranges::all_of(text, is_query_octet) || !is_percent_encoded(text)) return false;
  for (size_t at = text.find('%'); at != text.npos; at = text.find('%', at + 1)) {
    std::string decoded;
    append_percent_decoded(decoded, text.substr(at, 3));
    if (is_harmful(decoded.front())) return false;
  }
  return true;
}

}  // namespace

std::optional<Target> Target::parse(std::string_view target) {
  const size_t mark = target.find('?');
  if (mark != target.npos && !is_query(target.substr(mark + 1))) return std::nullopt;
  auto path = Path::parse(target.substr(0, mark));
  return path ? std::optional(Target(*std::move(path))) : std::nullopt;
}

bool Target::is_within(const Path& other) const {
  const std::string_view own = path_.text();
  const std::string_view above = other.text();
  if (above == "/") return true;
  return own.starts_with(above) && (own.size() == above.size() || own[above.size()] == '/');
}

}  // namespace ostiary::http
