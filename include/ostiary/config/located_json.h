// config/located_json.h: JSON in which every value has its line number, and its place in the text.
// - Comments are allowed, unless the caller refuses them. Then an error of syntax has its column too.
// - Errors: duplicate keys, nesting deeper than 64, a text over 1 MiB, a NUL (raw or escaped),
//   invalid UTF-8.
// - Every error begins with "line N: ", or "line N, column N: ". The caller adds the name of the file with Error::within.
// - No error repeats the text of a value, because a policy may hold secrets.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ostiary/base/result.h"

namespace ostiary::config {

inline constexpr size_t max_json_size = 1U << 20U;
inline constexpr size_t max_json_depth = 64;

struct Member;

// In the order of the alternatives of Node::Value.
enum class Kind : uint8_t { null, boolean, number, string, array, object };

class Node {
 public:
  struct Number {
    std::optional<int64_t> integer;  // absent: a fraction, an exponent or too many digits
  };
  using Value =
      std::variant<std::monostate, bool, Number, std::string, std::vector<Node>, std::vector<Member>>;

  Node(size_t line, size_t end, Value value);

  size_t line() const { return line_; }
  // The place in the text behind the value.
  size_t end() const { return end_; }
  Kind kind() const { return static_cast<Kind>(value_.index()); }

  // The value as the expected type, or an error that names the actual type.
  Result<bool> boolean() const;
  Result<int64_t> integer(int64_t min, int64_t max) const;
  Result<std::string_view> string() const;
  Result<std::span<const Node>> array() const;
  Result<std::span<const Member>> object() const;

  // The member of that name. nullptr if there is none, or if this is not an object.
  const Node* find(std::string_view name) const;
  // Fails for the first member whose name is not in the list, and suggests a similar name.
  Result<> only_keys(std::span<const std::string_view> allowed) const;

  // "line N: <message>", for a value that the reader refuses.
  Error error(std::string_view message) const;
  // "line N: is <actual type>: write <expected>".
  Error mismatch(std::string_view expected) const;

 private:
  friend class TreeBuilder;

  size_t line_;
  size_t end_;
  Value value_;
};

// In the order of the text.
struct Member {
  std::string name;
  size_t line;      // of the name
  size_t name_end;  // the place in the text behind the name
  Node value;
};

inline Node::Node(size_t line, size_t end, Value value) : line_(line), end_(end), value_(std::move(value)) {}

// Adds the key to a Node's error: "line 3: grace is a string".
Error of_key(Error error, std::string_view key);

enum class Comments : uint8_t { allowed, refused };

Result<Node> parse_located(std::string_view text, Comments comments = Comments::allowed);

}  // namespace ostiary::config
