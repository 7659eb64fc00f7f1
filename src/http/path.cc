#include "ostiary/http/path.h"

#include <algorithm>

#include "ostiary/base/text.h"
#include "ostiary/http/field.h"

namespace ostiary::http {
namespace {

constexpr bool is_plain(char c) {
  return is_alphanumeric(c) || std::string_view("-._~:@").contains(c);
}

bool is_segment(std::string_view text) {
  return !text.empty() && text != "." && text != ".." && std::ranges::all_of(text, is_plain);
}

bool is_query(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return is_plain(c) || c == '=' || c == '&'; });
}

}  // namespace

std::optional<Path> Path::parse(std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  if (!path.starts_with('/')) return std::nullopt;
  // "/" is the only path that ends in a slash.
  if (path.size() > 1 && !std::ranges::all_of(split(path.substr(1), '/'), is_segment)) return std::nullopt;
  if (path.size() < target.size() && !is_query(target.substr(path.size() + 1))) return std::nullopt;
  return Path(target);
}

std::optional<std::string> base_path(std::string_view url_path) {
  while (url_path.ends_with('/')) url_path.remove_suffix(1);
  // A query would be part of Path.
  if (url_path.contains('?') || (!url_path.empty() && !Path::parse(url_path))) return std::nullopt;
  return std::string(url_path);
}

}  // namespace ostiary::http
