// base/secret.h: a value that must not be seen.
// Move-only; wiped when it ends; nothing prints, formats or compares it. reveal() is the one way out, so that
// every use can be found by its name.
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
  // What a move leaves behind is wiped too: a short text stays where it was.
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
