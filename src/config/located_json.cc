#include "ostiary/config/located_json.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ostiary/base/nearest.h"
#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"

namespace ostiary::config {
namespace {

constexpr std::array<std::string_view, 6> kind_names{"null",     "true or false", "a number",
                                                     "a string", "an array",      "an object"};

}  // namespace

Error of_key(Error error, std::string_view key) {
  const size_t place = error.message.find(": ");
  const size_t what = place == std::string::npos ? 0 : place + 2;
  error.message.insert(what, std::string(key) + " ");
  return error;
}

Error Node::error(std::string_view message) const {
  return Error{Exit::configuration, std::string(message)}.within("line " + std::to_string(line_));
}

Error Node::mismatch(std::string_view expected) const {
  const auto* const boolean = std::get_if<bool>(&value_);
  const std::string_view is = boolean == nullptr ? kind_names.at(value_.index())
                              : *boolean         ? "true"
                                                 : "false";
  return error("is " + std::string(is) + ": write " + std::string(expected));
}

Result<bool> Node::boolean() const {
  if (const auto* value = std::get_if<bool>(&value_)) return *value;
  return std::unexpected(mismatch("true or false"));
}

Result<int64_t> Node::integer(int64_t min, int64_t max) const {
  const std::string expected = "a whole number from " + std::to_string(min) + " to " + std::to_string(max);
  const auto* number = std::get_if<Number>(&value_);
  if (number == nullptr) return std::unexpected(mismatch(expected));
  if (!number->integer || *number->integer < min || *number->integer > max)
    return std::unexpected(error("is not " + expected));
  return *number->integer;
}

Result<std::string_view> Node::string() const {
  if (const auto* value = std::get_if<std::string>(&value_)) return std::string_view(*value);
  return std::unexpected(mismatch("a string"));
}

Result<std::span<const Node>> Node::array() const {
  if (const auto* value = std::get_if<std::vector<Node>>(&value_)) return std::span<const Node>(*value);
  return std::unexpected(mismatch("an array"));
}

Result<std::span<const Member>> Node::object() const {
  if (const auto* value = std::get_if<std::vector<Member>>(&value_)) return std::span<const Member>(*value);
  return std::unexpected(mismatch("an object"));
}

const Node* Node::find(std::string_view name) const {
  const auto* members = std::get_if<std::vector<Member>>(&value_);
  if (members == nullptr) return nullptr;
  const auto found = std::ranges::find(*members, name, &Member::name);
  return found == members->end() ? nullptr : &found->value;
}

Result<> Node::only_keys(std::span<const std::string_view> allowed) const {
  for (const Member& member : TRY(object())) {
    if (std::ranges::find(allowed, member.name) != allowed.end()) continue;
    const std::string_view meant = nearest(member.name, allowed);
    return fail(
        Exit::configuration,
        "line " + std::to_string(member.line) + ": unknown key " + quote(member.name) + ": " +
            (meant.empty() ? "the keys are " + join(allowed, ", ") : "did you mean " + quote(meant) + "?"));
  }
  return {};
}

}  // namespace ostiary::config
