// base/secret.h: a value that must not be shown.
// - A Secret is move-only, and its memory is wiped on destruction.
// - No function prints, formats or compares it.
// - reveal() is the only way to read it, so that a search for the name finds every use.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <string.h>

namespace ostiary {

inline void wipe(std::string& text) {
  text.resize(text.capacity());
  explicit_bzero(text.data(), text.size());
  text.clear();
}

class Secret {
 public:
  Secret() = default;
  // Wipe the source too: moving a short string leaves its characters in place.
  explicit Secret(std::string value) : value_(std::move(value)) {
    wipe(value);  // NOLINT(bugprone-use-after-move)
  }
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { wipe(other.value_); }
  Secret& operator=(Secret&& other) noexcept {
    if (this == &other) return *this;
    wipe(value_);
    value_ = std::move(other.value_);
    wipe(other.value_);
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(value_); }

  Secret clone() const { return Secret(value_); }
  bool empty() const { return value_.empty(); }
  std::string_view reveal() const { return value_; }

 private:
  std::string value_;
};

}  // namespace ostiary
