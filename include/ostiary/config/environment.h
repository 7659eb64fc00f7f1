// config/environment.h: the container's environment, byte for byte.
// - The destructor wipes it.
// - get() treats an empty variable as not set. The agent still receives it.
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

  // Removes every entry of that name and appends the new one.
  void set(std::string_view name, std::string_view value);
  // A copy of the entries for whose names `unwanted` returns false.
  Environment without(const std::function<bool(std::string_view name)>& unwanted) const;

  // The value, or an empty text if the variable is not set.
  std::string_view get(std::string_view name) const;
  // The entries "NAME=value", in their original order.
  std::span<const std::string> entries() const { return entries_; }

 private:
  std::vector<std::string> entries_;
};

// The name in "NAME=value".
std::string_view name_of(std::string_view entry);

// Overwrites the values in this process's own environment in place, so that /proc/self/environ
// shows none of them.
void wipe_values(char** environ);

}  // namespace ostiary::config
