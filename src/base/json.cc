#include "ostiary/base/json.h"

#include <algorithm>
#include <utility>

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

std::span<const Json::Member> Json::members() const {
  const auto* members = std::get_if<Object>(&value_);
  return members != nullptr ? std::span<const Member>(*members) : std::span<const Member>();
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

struct JsonWriter {
  static std::string write(const Json& json, int indent) {
    return converted(json).dump(indent, ' ', false, Library::error_handler_t::replace);
  }

 private:
  static Library converted(const Json& json) {
    return std::visit([](const auto& value) { return of(value); }, json.value_);
  }
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
    // A vector of pairs. Its own functions compare a key with all before it.
    std::vector<Library::object_t::value_type>& pairs = out.get_ref<Library::object_t&>();
    pairs.reserve(members.size());
    for (const Json::Member& each : members) pairs.emplace_back(each.key, converted(each.value));
    return out;
  }
};

std::string Json::compact() const {
  return JsonWriter::write(*this, -1);
}

std::string Json::indented() const {
  return JsonWriter::write(*this, 2);
}

// Builds the value from the parser's events. A handler that returns false ends the parse.
class JsonReader {
 public:
  explicit JsonReader(size_t max_depth) : max_depth_(max_depth) {}

  bool null() { return place(nullptr); }
  bool boolean(bool value) { return place(value); }
  bool number_integer(int64_t value) { return place(value); }
  bool number_unsigned(uint64_t value) { return place(value); }
  bool number_float(double value, const std::string&) { return place(Json(Json::Value(value))); }
  bool string(std::string& value) { return place(std::move(value)); }
  bool binary(Library::binary_t&) { return false; }
  bool start_object(size_t) { return open(Json::object()); }
  bool start_array(size_t) { return open(Json::array()); }
  bool key(std::string& key) {
    std::get<Json::Object>(open_.back().value_).push_back({std::move(key), nullptr});
    return true;
  }
  bool end_object() {
    unite_members_of_one_key(std::get<Json::Object>(open_.back().value_));
    return close();
  }
  bool end_array() { return close(); }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) { return false; }

  bool is_too_deep() const { return too_deep_; }
  Json take() { return std::move(root_); }

 private:
  static void unite_members_of_one_key(Json::Object& members) {
    std::vector<std::pair<std::string_view, size_t>> sorted;
    sorted.reserve(members.size());
    for (const Json::Member& each : members) sorted.emplace_back(each.key, sorted.size());
    std::ranges::sort(sorted);
    constexpr auto key = &std::pair<std::string_view, size_t>::first;
    if (std::ranges::adjacent_find(sorted, {}, key) == sorted.end()) return;
    std::vector<bool> superfluous(members.size());
    for (size_t i = 1, first = 0; i < sorted.size(); ++i) {
      if (sorted[i].first == sorted[first].first) {
        members[sorted[first].second].value = std::move(members[sorted[i].second].value);
        superfluous[sorted[i].second] = true;
      } else {
        first = i;
      }
    }
    Json::Object kept;
    for (size_t i = 0; i < members.size(); ++i)
      if (!superfluous[i]) kept.push_back(std::move(members[i]));
    members = std::move(kept);
  }

  bool open(Json empty) {
    too_deep_ = open_.size() == max_depth_;
    if (too_deep_) return false;
    open_.push_back(std::move(empty));
    return true;
  }

  bool close() {
    Json done = std::move(open_.back());
    open_.pop_back();
    return place(std::move(done));
  }

  bool place(Json value) {
    if (open_.empty())
      root_ = std::move(value);
    else if (open_.back().is_array())
      open_.back().push_back(std::move(value));
    else
      std::get<Json::Object>(open_.back().value_).back().value = std::move(value);
    return true;
  }

  size_t max_depth_;
  bool too_deep_ = false;
  std::vector<Json> open_;  // arrays and objects not yet closed, outermost first
  Json root_;
};

namespace {

// As Library::sax_parse(), which would also compile the parsers of binary formats.
bool parse_text(std::string_view text, JsonReader& reader) {
  auto input = nlohmann::detail::input_adapter(text);
  return nlohmann::detail::parser<Library, decltype(input)>(std::move(input), nullptr, false)
      .sax_parse(&reader);
}

}  // namespace

// The parser stops at a NUL, so a text with a NUL is refused.
Result<Json> Json::parse(std::string_view text, int max_depth) {
  JsonReader reader(static_cast<size_t>(max_depth));
  const bool valid = !text.contains('\0') && parse_text(text, reader);
  if (reader.is_too_deep())
    return fail(Exit::configuration, "is nested deeper than " + std::to_string(max_depth) + " levels");
  if (!valid) return fail(Exit::configuration, "is not valid JSON");
  return reader.take();
}

}  // namespace ostiary
