// http/path.h: a request's target that all servers read alike, for comparison with exact ones.
// - No percent sequence, no backslash, no empty segment, no "." or "..".
// - A query is part of it: /v1/traces?a=b is not /v1/traces.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ostiary::http {

class Path {
 public:
  // Nothing for a target of another form. Answer it with 404.
  static std::optional<Path> parse(std::string_view target);

  const std::string& text() const { return text_; }
  bool operator==(const Path&) const = default;

 private:
  explicit Path(std::string_view text) : text_(text) {}
  std::string text_;
};

// The path of a URL, to be put in front of others: "" or "/x", without slashes at its end. Nothing if not all
// servers read it alike.
std::optional<std::string> base_path(std::string_view url_path);

}  // namespace ostiary::http
