#include "ostiary/http/target.h"

#include <algorithm>
#include <array>
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

constexpr std::array<std::string_view, 3> sequences_of_paths{"%2f", "%40", "%2b"};

// As a server reads it that decodes it. Nothing if it has another percent sequence.
std::optional<std::string> decoded(std::string_view path) {
  std::string text;
  for (size_t at = 0; at < path.size(); ++at) {
    if (path[at] != '%') {
      text += path[at];
      continue;
    }
    const std::string_view sequence = path.substr(at, 3);
    const auto is_same = [&](std::string_view each) { return equal_ignoring_case(sequence, each); };
    if (!std::ranges::any_of(sequences_of_paths, is_same)) return std::nullopt;
    append_percent_decoded(text, sequence);
    at += 2;
  }
  return text;
}

bool is_path(std::string_view text) {
  if (!text.starts_with('/')) return false;
  if (text.size() > 1 && text.ends_with('/')) {
    text.remove_suffix(1);
    if (text.ends_with('/')) return false;
  }
  auto path = decoded(text);
  if (!path) return false;
  // Some servers read it as a blank, and take blanks away.
  const auto is_trimmed_to_dots = [](std::string_view part) {
    return part.contains('+') && part.find_first_not_of(".+") == part.npos;
  };
  if (std::ranges::any_of(split(*path, '/'), is_trimmed_to_dots)) return false;
  std::ranges::replace(*path, '+', '-');  // which divides nothing, and no Path has
  return !path->contains('?') && Path::parse(*path).has_value();
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
  const std::string_view path = target.substr(0, mark);
  return is_path(path) ? std::optional(Target(path)) : std::nullopt;
}

bool Target::is_within(const Path& other) const {
  const std::string_view own = path_;
  const std::string_view above = other.text();
  if (above == "/") return true;
  return own.starts_with(above) && (own.size() == above.size() || own[above.size()] == '/');
}

}  // namespace ostiary::http
