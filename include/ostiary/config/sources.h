// config/sources.h: what configuration is read from. The only seam between it and the machine.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"
#include "ostiary/config/environment.h"
#include "ostiary/config/settings.h"

namespace ostiary::config {

// A file's text; nothing where there is no such file.
using ReadFile = std::function<Result<std::optional<std::string>>(const std::string& path)>;

struct Sources {
  Environment environment;
  GivenSettings flags;
  ReadFile read_file;
};

// A value that may be a secret, and where it came from.
struct Sourced {
  Secret value;
  std::string origin;
};

}  // namespace ostiary::config
