// base/json.h: a JSON value to build and to look into, and its text.
// The library's own value is a template: each source that builds such values compiles the template
// anew, which takes six seconds and 150 kB. So json.cc alone includes the library. It reads and
// writes the text, in time that grows with the text alone: an agent can write a text with millions
// of members.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "ostiary/base/result.h"

namespace ostiary {

class Json {
 public:
  class Part;
  struct Member;

  Json(std::nullptr_t = nullptr);
  Json(std::same_as<bool> auto value) : Json(Value(std::in_place_type<bool>, value)) {}
  Json(std::signed_integral auto value) : Json(Value(std::in_place_type<int64_t>, value)) {}
  Json(std::unsigned_integral auto value)
    requires(!std::same_as<decltype(value), bool>)
      : Json(Value(std::in_place_type<uint64_t>, value)) {}
  template <typename Enum>
    requires std::is_enum_v<Enum>
  Json(Enum value) : Json(std::to_underlying(value)) {}
  Json(const char* text);
  Json(std::string_view text);
  Json(std::string text);
  template <typename Element>
  Json(const std::vector<Element>& elements) : Json(array()) {
    for (const Element& element : elements) push_back(element);
  }
  // {{"key", value}, …} is an object. Every other list is an array.
  Json(std::initializer_list<Part> list);

  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json();

  static Json array();
  static Json array(std::initializer_list<Part> list);
  static Json object();

  // Requires an array. append() moves the elements of another array to the end of this one.
  void push_back(Json element);
  void append(Json elements);

  // Requires an object. Adds a null if there is no such member. The text has the members in the
  // order in which they were added.
  Json& operator[](std::string_view key);

  bool is_array() const;
  bool is_object() const;
  bool is_null() const;
  // Empty, or nothing, if the value is of another type. A number is whole and not negative.
  std::span<const Json> elements() const;
  std::span<const Member> members() const;
  const Json* find(std::string_view key) const;
  const std::string* text() const;
  std::optional<uint64_t> number() const;

  // On one line. Octets that are not UTF-8 become U+FFFD.
  std::string compact() const;
  // On a line for each value, with an indent of two spaces.
  std::string indented() const;
  // An error if the text is not valid JSON, or if it is nested deeper than that: copying and
  // writing recurse once for each level. Of members with one key the first has the place, and the
  // last the value.
  static Result<Json> parse(std::string_view text, int max_depth = 64);

 private:
  friend class JsonReader;
  friend struct JsonWriter;
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;
  using Value = std::variant<std::nullptr_t, bool, int64_t, uint64_t, double, std::string, Array, Object>;

  explicit Json(Value value);

  Value value_;
};

struct Json::Member {
  std::string key;
  Json value;
};

// An element of a list in braces. Such elements are constant; `mutable` allows to move the value
// out instead of copying it.
class Json::Part {
 public:
  template <typename... Arguments>
    requires std::constructible_from<Json, Arguments...>
  Part(Arguments&&... arguments) : value_(std::forward<Arguments>(arguments)...) {}
  Part(std::initializer_list<Part> list) : value_(list) {}

 private:
  friend class Json;
  mutable Json value_;
};

}  // namespace ostiary
