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

// Leaves no unwiped copy: the new entry is allocated at its full size, and old entries are wiped
// before they are erased.
void Environment::set(std::string_view name, std::string_view value) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    if (name_of(*at) != name) {
      ++at;
      continue;
    }
    wipe(*at);
    at = entries_.erase(at);
  }
  std::string entry;
  entry.reserve(name.size() + 1 + value.size());
  entry.append(name).append("=").append(value);
  entries_.push_back(std::move(entry));
}

Environment Environment::without(const std::function<bool(std::string_view name)>& unwanted) const {
  Environment kept;
  kept.entries_.reserve(entries_.size());
  for (const std::string& entry : entries_)
    if (!unwanted(name_of(entry))) kept.entries_.push_back(entry);
  return kept;
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
