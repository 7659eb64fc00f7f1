#include "ostiary/base/json.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace ostiary {

using Library = nlohmann::ordered_json;

Json::Json(Value value) : value_(std::move(value)) {}
Json::Json(std::nullptr_t) : value_(nullptr) {}
Json::Json(const char* text) : value_(std::string(text)) {}
Json::Json(std::string_view text) : value_(std::string(text)) {}
Json::Json(std::string text) : value_(std::move(text)) {}
Json::Json(const Json& other) = default;
Json::Json(Json&& other) noexcept = default;
Json& Json::operator=(const Json& other) = default;
Json& Json::operator=(Json&& other) noexcept = default;
Json::~Json() = default;

Json::Json(std::initializer_list<Part> list) : Json(array(list)) {
  const auto is_member = [](const Json& each) {
    const std::span<const Json> pair = each.elements();
    return pair.size() == 2 && pair.front().text() != nullptr;
  };
  if (!std::ranges::all_of(elements(), is_member)) return;
  Object members;
  for (Json& each : std::get<Array>(value_)) {
    auto& pair = std::get<Array>(each.value_);
    members.push_back({std::get<std::string>(std::move(pair[0].value_)), std::move(pair[1])});
  }
  value_ = std::move(members);
}

Json Json::array() {
  return Json(Value(Array{}));
}

Json Json::array(std::initializer_list<Part> list) {
  Array elements;
  elements.reserve(list.size());
  for (const Part& part : list) elements.push_back(std::move(part.value_));
  return Json(Value(std::move(elements)));
}

Json Json::object() {
  return Json(Value(Object{}));
}

void Json::push_back(Json element) {
  std::get<Array>(value_).push_back(std::move(element));
}

void Json::append(Json elements) {
  for (Json& each : std::get<Array>(elements.value_)) push_back(std::move(each));
}

Json& Json::operator[](std::string_view key) {
  auto& members = std::get<Object>(value_);
  const auto found = std::ranges::find(members, key, &Member::key);
  if (found != members.end()) return found->value;
  members.push_back({std::string(key), nullptr});
  return members.back().value;
}

bool Json::is_array() const {
  return std::holds_alternative<Array>(value_);
}

bool Json::is_object() const {
  return std::holds_alternative<Object>(value_);
}

bool Json::is_null() const {
  return std::holds_alternative<std::nullptr_t>(value_);
}

std::span<const Json> Json::elements() const {
  const auto* array = std::get_if<Array>(&value_);
  return array != nullptr ? std::span<const Json>(*array) : std::span<const Json>();
}

const Json* Json::find(std::string_view key) const {
  const auto* members = std::get_if<Object>(&value_);
  if (members == nullptr) return nullptr;
  const auto found = std::ranges::find(*members, key, &Member::key);
  return found != members->end() ? &found->value : nullptr;
}

const std::string* Json::text() const {
  return std::get_if<std::string>(&value_);
}

std::optional<uint64_t> Json::number() const {
  if (const auto* number = std::get_if<uint64_t>(&value_)) return *number;
  const auto* number = std::get_if<int64_t>(&value_);
  return number != nullptr && *number >= 0 ? std::optional<uint64_t>(*number) : std::nullopt;
}

struct JsonText {
  static Library converted(const Json& json) {
    return std::visit([](const auto& value) { return JsonText::of(value); }, json.value_);
  }

  static std::string write(const Json& json, int indent) {
    return converted(json).dump(indent, ' ', false, Library::error_handler_t::replace);
  }

  static Json read(const Library& json) {
    switch (json.type()) {
      case Library::value_t::boolean:
        return json.get<bool>();
      case Library::value_t::number_integer:
        return json.get<int64_t>();
      case Library::value_t::number_unsigned:
        return json.get<uint64_t>();
      case Library::value_t::number_float:
        return Json(Json::Value(json.get<double>()));
      case Library::value_t::string:
        return json.get_ref<const std::string&>();
      case Library::value_t::array: {
        Json out = Json::array();
        for (const Library& each : json) out.push_back(read(each));
        return out;
      }
      case Library::value_t::object: {
        Json::Object members;
        members.reserve(json.size());
        for (const auto& [key, value] : json.items()) members.push_back({key, read(value)});
        return Json(Json::Value(std::move(members)));
      }
      default:
        return nullptr;
    }
  }

 private:
  template <typename Scalar>
  static Library of(const Scalar& scalar) {
    return scalar;
  }
  static Library of(const Json::Array& elements) {
    Library out = Library::array();
    for (const Json& each : elements) out.push_back(converted(each));
    return out;
  }
  static Library of(const Json::Object& members) {
    Library out = Library::object();
    for (const Json::Member& each : members) out[each.key] = converted(each.value);
    return out;
  }
};

std::string Json::compact() const {
  return JsonText::write(*this, -1);
}

std::string Json::indented() const {
  return JsonText::write(*this, 2);
}

// The parser stops at a NUL, so a text with a NUL is refused.
Result<Json> Json::parse(std::string_view text, int max_depth) {
  bool too_deep = false;
  // Called for each value, with the number of arrays and objects around it.
  const auto stay_shallow = [&too_deep, max_depth](int depth, Library::parse_event_t event, const Library&) {
    using enum Library::parse_event_t;
    if (depth >= max_depth && (event == array_start || event == object_start)) too_deep = true;
    return !too_deep;
  };
  const Library json = Library::parse(text.contains('\0') ? std::string_view() : text, stay_shallow, false);
  if (too_deep)
    return fail(Exit::configuration, "is nested deeper than " + std::to_string(max_depth) + " levels");
  if (json.is_discarded()) return fail(Exit::configuration, "is not valid JSON");
  return JsonText::read(json);
}

}  // namespace ostiary
