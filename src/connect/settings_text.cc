#include "connect/settings_text.h"

#include <algorithm>
#include <utility>

#include "ostiary/base/json.h"
#include "ostiary/base/text.h"
#include "ostiary/config/located_json.h"

namespace ostiary::connect {
namespace {

using config::Kind;
using config::Member;
using config::Node;

constexpr std::string_view blanks = " \t\r\n";
constexpr std::string_view standard_indent = "  ";

size_t skip(std::string_view text, size_t from, std::string_view characters) {
  return std::min(text.find_first_not_of(characters, from), text.size());
}

// A member in its text: "key": value.
struct Place {
  size_t key_begin = 0;
  size_t value_begin = 0;
  size_t value_end = 0;

  std::string_view value_in(std::string_view text) const {
    return text.substr(value_begin, value_end - value_begin);
  }
};

// An object in its text.
class Object {
 public:
  Object(std::string_view text, const Node& node, size_t begin)
      : text_(text), begin_(begin), end_(node.end()) {
    const auto members = node.object();
    if (!members) return;
    size_t at = begin + 1;
    for (const Member& member : *members) {
      places_.push_back({.key_begin = skip(text, at, ", \t\r\n"),
                         .value_begin = skip(text, member.name_end, ": \t\r\n"),
                         .value_end = member.value.end()});
      at = member.value.end();
    }
    members_ = *members;
  }

  const Node* node_of(std::string_view key) const {
    const auto found = std::ranges::find(members_, key, &Member::name);
    return found == members_.end() ? nullptr : &found->value;
  }
  // Requires that there is such a member.
  const Place& place_of(std::string_view key) const { return places_[index_of(key)]; }
  std::span<const Member> members() const { return members_; }

  std::string with(std::string_view key, std::string_view value) const {
    if (node_of(key) != nullptr) {
      const Place& place = place_of(key);
      return spliced(place.value_begin, place.value_end, {value});
    }
    const Secret name = json_string(key);
    if (!places_.empty()) {
      const size_t end = places_.back().value_end;
      return spliced(end, end, {",", separator(), name.reveal(), ": ", value});
    }
    const std::string line = std::string(newline()).append(line_indent());
    return spliced(begin_ + 1, end_ - 1, {line, indent_step(), name.reveal(), ": ", value, line});
  }

  // Requires that there is such a member.
  std::string without(std::string_view key) const {
    const size_t index = index_of(key);
    if (index > 0) return spliced(places_[index - 1].value_end, places_[index].value_end, {});
    if (places_.size() > 1) return spliced(places_[0].key_begin, places_[1].key_begin, {});
    return spliced(begin_ + 1, end_ - 1, {});
  }

 private:
  size_t index_of(std::string_view key) const {
    return static_cast<size_t>(std::ranges::find(members_, key, &Member::name) - members_.begin());
  }

  // Without growth no part of a secret stays in freed memory.
  std::string spliced(size_t from, size_t to, std::initializer_list<std::string_view> parts) const {
    size_t size = text_.size() - (to - from);
    for (const std::string_view part : parts) size += part.size();
    std::string changed;
    changed.reserve(std::max<size_t>(size, 64));
    changed += text_.substr(0, from);
    append(changed, parts);
    changed += text_.substr(to);
    return changed;
  }

  std::string_view newline() const { return text_.contains("\r\n") ? "\r\n" : "\n"; }

  // Between two members, after the comma.
  std::string_view separator() const {
    const std::string_view before = text_.substr(begin_ + 1, places_[0].key_begin - begin_ - 1);
    return before.empty() ? " " : before;
  }

  // Of the line on which the object begins.
  std::string_view line_indent() const {
    const size_t line =
        text_.rfind('\n', begin_) == std::string_view::npos ? 0 : text_.rfind('\n', begin_) + 1;
    return text_.substr(line, skip(text_, line, " \t") - line);
  }

  // That of the first member of the file.
  std::string_view indent_step() const {
    const size_t outermost = text_.find('{');
    if (outermost == begin_) return standard_indent;
    const size_t first = skip(text_, outermost + 1, blanks);
    const std::string_view before = text_.substr(outermost + 1, first - outermost - 1);
    const size_t line = before.rfind('\n');
    return line == std::string_view::npos || line + 1 == before.size() ? standard_indent
                                                                       : before.substr(line + 1);
  }

  std::string_view text_;
  size_t begin_;
  size_t end_;
  std::span<const Member> members_;
  std::vector<Place> places_;
};

Result<Node> parse(std::string_view text) {
  Node root = TRY(config::parse_located(text, config::Comments::refused));
  if (root.kind() != Kind::object)
    return std::unexpected(root.mismatch("the settings as an object in braces"));
  return root;
}

// A byte order mark may stand before it.
Object outermost(std::string_view text, const Node& root) {
  return {text, root, text.find('{')};
}

Object inner(std::string_view text, const Object& outer, std::string_view key) {
  return {text, *outer.node_of(key), outer.place_of(key).value_begin};
}

// The object that holds the last key of the path. Nothing if one on the way is missing.
Result<std::optional<Object>> find_holder(std::string_view text, const Node& root, const Path& path) {
  Object at = outermost(text, root);
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    const Node* const next = at.node_of(path[i]);
    if (next == nullptr) return std::nullopt;
    if (next->kind() != Kind::object)
      return std::unexpected(config::of_key(next->mismatch("an object in braces"), path[i]));
    at = inner(text, at, path[i]);
  }
  return at;
}

Result<std::string> apply_one(std::string_view text, const Path& path, const std::optional<Secret>& value) {
  const Node root = TRY(parse(text));
  const auto holder = TRY(find_holder(text, root, path));
  if (holder && value) return holder->with(path.back(), value->reveal());
  if (holder && holder->node_of(path.back()) != nullptr) return holder->without(path.back());
  if (holder || !value) return std::string(text);
  const Secret outer(TRY(apply_one(text, Path(path.begin(), path.end() - 1), Secret("{}"))));
  return apply_one(outer.reveal(), path, value);
}

// Whether they are the same values, however they are written.
bool same(std::optional<std::string_view> a, std::optional<std::string_view> b) {
  if (!a || !b) return a == b;
  const auto left = Json::parse(*a);
  const auto right = Json::parse(*b);
  return left && right && left->compact() == right->compact();
}

// ---- the way back

std::optional<std::string_view> value_in(std::string_view text, const Object* object, std::string_view key) {
  if (object == nullptr || object->node_of(key) == nullptr) return std::nullopt;
  return object->place_of(key).value_in(text);
}

std::optional<Object> object_in(std::string_view text, const Object* object, std::string_view key) {
  const Node* const node = object == nullptr ? nullptr : object->node_of(key);
  if (node == nullptr || node->kind() != Kind::object) return std::nullopt;
  return inner(text, *object, key);
}

const Object* pointer_to(const std::optional<Object>& object) {
  return object ? &*object : nullptr;
}

struct Texts {
  std::string_view before;
  std::string_view after;
  std::string_view now;
};
// The same object in each text. `before` may be missing.
struct Objects {
  const Object* before;
  const Object* after;
  const Object* now;
};

void find_way_back(const Texts& texts, const Objects& objects, const Path& path, WayBack& way);

// Of a member that is as it was after the change, or whose parts may be.
void add_member(const Texts& texts, const Objects& objects, Path path, WayBack& way) {
  const std::string& key = path.back();
  const auto before = value_in(texts.before, objects.before, key);
  const auto after = value_in(texts.after, objects.after, key);
  const auto now = value_in(texts.now, objects.now, key);
  if (same(before, after) || same(before, now)) return;
  if (same(now, after)) {
    way.changes.push_back({.path = std::move(path), .value = {}});
    if (before) way.changes.back().value = Secret(std::string(*before));
    return;
  }
  const auto inner_before = object_in(texts.before, objects.before, key);
  const auto inner_after = object_in(texts.after, objects.after, key);
  const auto inner_now = object_in(texts.now, objects.now, key);
  if (!inner_after || !inner_now || (before && !inner_before)) return way.kept.push_back(std::move(path));
  const size_t changes = way.changes.size();
  find_way_back(texts, {pointer_to(inner_before), &*inner_after, &*inner_now}, path, way);
  // An object that would stay empty goes as well.
  if (before || way.changes.size() - changes != inner_now->members().size()) return;
  way.changes.resize(changes);
  way.changes.push_back({.path = std::move(path), .value = {}});
}

void find_way_back(const Texts& texts, const Objects& objects, const Path& path, WayBack& way) {
  std::vector<std::string> keys;
  for (const Object* const object : {objects.before, objects.after})
    for (const Member& member : object == nullptr ? std::span<const Member>() : object->members())
      if (std::ranges::find(keys, member.name) == keys.end()) keys.push_back(member.name);
  for (std::string& key : keys) {
    Path longer = path;
    longer.push_back(std::move(key));
    add_member(texts, objects, std::move(longer), way);
  }
}

}  // namespace

std::string text(const Path& path) {
  return join(path, ".");
}

Result<Secret> apply_changes(std::string_view text, std::span<const Change> changes) {
  TRY(parse(text));
  Secret changed{std::string(text)};
  for (const Change& change : changes)
    changed = Secret(TRY(apply_one(changed.reveal(), change.path, change.value)));
  return changed;
}

Result<std::optional<Secret>> find_value(std::string_view text, const Path& path) {
  const Node root = TRY(parse(text));
  const auto holder = TRY(find_holder(text, root, path));
  const auto value = value_in(text, pointer_to(holder), path.back());
  return value ? std::optional(Secret(std::string(*value))) : std::nullopt;
}

Result<std::vector<std::string>> keys_of(std::string_view text, const Path& path) {
  const Node root = TRY(parse(text));
  const auto holder = TRY(find_holder(text, root, path));
  std::vector<std::string> keys;
  const auto object = object_in(text, pointer_to(holder), path.back());
  if (object)
    for (const Member& member : object->members()) keys.push_back(member.name);
  return keys;
}

Result<bool> is_empty_object(std::string_view text) {
  const Node root = TRY(parse(text));
  return root.object()->empty();
}

Result<WayBack> find_way_back(std::string_view before, std::string_view after, std::string_view now) {
  const Node root_before = TRY(parse(before));
  const Node root_after = TRY(parse(after));
  const Node root_now = TRY(parse(now));
  const Object all_before = outermost(before, root_before);
  const Object all_after = outermost(after, root_after);
  const Object all_now = outermost(now, root_now);
  WayBack way;
  find_way_back({before, after, now}, {&all_before, &all_after, &all_now}, {}, way);
  return way;
}

Secret json_string(std::string_view text) {
  std::string quoted;
  quoted.reserve(std::max<size_t>(2 * text.size() + 2, 64));
  quoted += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  quoted += '"';
  return Secret(std::move(quoted));
}

}  // namespace ostiary::connect
