// config/environment.h: the container's environment as it came, byte for byte.
// Wiped when it ends. An empty variable counts as not set, but is kept as it is for the agent.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ostiary::config {

class Environment {
 public:
  Environment() = default;
  explicit Environment(std::vector<std::string> entries) : entries_(std::move(entries)) {}
  static Environment copy_of(const char* const* environ);
  Environment(Environment&&) noexcept = default;
  Environment& operator=(Environment&& other) noexcept {
    entries_.swap(other.entries_);
    return *this;
  }
  ~Environment();

  // In place of what there was of that name, at the end.
  void set(std::string_view name, std::string_view value);
  // Those whose names the condition does not hold for.
  Environment without(const std::function<bool(std::string_view name)>& unwanted) const;

  // The value, or nothing where it is not set.
  std::string_view get(std::string_view name) const;
  // "NAME=value" each, in their order.
  std::span<const std::string> entries() const { return entries_; }

 private:
  std::vector<std::string> entries_;
};

// The name in "NAME=value".
std::string_view name_of(std::string_view entry);

// Overwrites the values of this process's own environment, which /proc/self/environ shows, in place.
void wipe_values(char** environ);

}  // namespace ostiary::config
