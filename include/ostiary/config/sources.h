// config/sources.h: the inputs of the configuration. They are its only access to the machine, so a
// test can replace them.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"
#include "ostiary/config/environment.h"
#include "ostiary/config/settings.h"

namespace ostiary::config {

// Returns the text of a file, or nothing if there is no such file.
using ReadFile = std::function<Result<std::optional<std::string>>(const std::string& path)>;

struct Sources {
  Environment environment;
  GivenSettings flags;
  ReadFile read_file;
};

// A value that may be a secret, and its origin for error messages.
struct Sourced {
  Secret value;
  std::string origin;
};

}  // namespace ostiary::config
