// http/target.h: a request's target: a path that all servers read alike, and perhaps a query.
// - The path is as in http/path.h, without a percent sequence, an empty segment, "." or "..".
// - The query can have no octet that divides a path, plain or as a percent sequence: a server that
//   decodes or shortens the whole target finds the same path.
#pragma once

#include <optional>
#include <string_view>

#include "ostiary/http/path.h"

namespace ostiary::http {

class Target {
 public:
  // Nothing for a target of another form. Answer it with 404.
  static std::optional<Target> parse(std::string_view target);

  const Path& path() const { return path_; }
  // Whether the path is the other one or lies below it: /a/b is within /a, and /ab is not.
  bool is_within(const Path& other) const;

 private:
  explicit Target(Path path) : path_(std::move(path)) {}
  Path path_;  // without a query
};

}  // namespace ostiary::http
