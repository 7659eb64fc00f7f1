// http/target.h: a request's target: a path that all servers read alike, and perhaps a query.
// - The path has no empty segment, "." or "..", also after a server has decoded it. It may end in a slash.
// - Of percent sequences it may have those that package registries' clients write: of the slash, the @ and
//   the +. So /@scope%2fname lies within / alone, and equals no Path.
// - The query can have no octet that divides a path, plain or as a percent sequence: a server that
//   decodes or shortens the whole target finds the same path.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ostiary/http/path.h"

namespace ostiary::http {

class Target {
 public:
  // Nothing for a target of another form. Answer it with 404.
  static std::optional<Target> parse(std::string_view target);

  // Whether the path is exactly the other one.
  bool is(const Path& other) const { return path_ == other.text(); }
  // Whether the path is the other one or lies below it: /a/b is within /a, and /ab is not.
  bool is_within(const Path& other) const;

 private:
  explicit Target(std::string_view path) : path_(path) {}
  std::string path_;  // as written, without a query
};

}  // namespace ostiary::http
