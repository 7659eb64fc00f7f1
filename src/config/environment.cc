#include "ostiary/config/environment.h"

#include <string.h>

#include "ostiary/base/secret.h"

namespace ostiary::config {

Environment Environment::copy_of(const char* const* environ) {
  std::vector<std::string> entries;
  for (; *environ != nullptr; ++environ) entries.emplace_back(*environ);
  return Environment(std::move(entries));
}

Environment::~Environment() {
  for (std::string& entry : entries_) wipe(entry);
}

std::string_view Environment::get(std::string_view name) const {
  for (const std::string_view entry : entries_)
    if (entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name))
      return entry.substr(name.size() + 1);
  return {};
}

std::string_view name_of(std::string_view entry) {
  return entry.substr(0, entry.find('='));
}

void wipe_values(char** environ) {
  for (; *environ != nullptr; ++environ)
    if (char* value = strchr(*environ, '=')) explicit_bzero(value + 1, strlen(value + 1));
}

}  // namespace ostiary::config
