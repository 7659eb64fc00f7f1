#include "policy_file.h"

#include <algorithm>
#include <array>
#include <string>

#include "ostiary/base/quote.h"
#include "parts.h"
#include "relay_entries.h"

namespace ostiary::config {
namespace {

// "\"on\"", "\"off\"", or one that stands for any text: "NAME|UID".
std::vector<std::string> words_of(const Setting& setting) {
  std::vector<std::string> words;
  for (const std::string_view word : split(setting.value, '|'))
    if (std::ranges::all_of(word, is_lower_case)) words.push_back(quote(word));
  return words;
}

Result<std::string> setting_word(const Setting& setting, const Node& value) {
  const auto text = value.string();
  if (text) return std::string(*text);
  if (setting.key == "user")
    if (const auto uid = value.integer(0, UINT32_MAX))
      return std::unexpected(value.mismatch(quote(std::to_string(*uid))));
  const std::vector<std::string> words = words_of(setting);
  Error error =
      value.mismatch(words.empty() ? "a string, like " + std::string(setting.value) : join(words, " or "));
  if (setting.key == "relay" && (value.kind() == Kind::array || value.kind() == Kind::object))
    error.message += "; the servers that the relay forwards to are in \"relays\"";
  return std::unexpected(std::move(error));
}

Result<std::string> list_item(const Node& value, std::string_view expected) {
  if (value.kind() == Kind::number) return std::to_string(TRY(value.integer(0, UINT16_MAX)));
  if (value.kind() != Kind::string) return std::unexpected(value.mismatch(expected));
  return std::string(TRY(value.string()));
}

// A list is "22,3000", 22 or ["22", 3000].
Result<std::string> list_text(std::string_view key, const Node& value) {
  if (value.kind() != Kind::array) return value_for(key, list_item(value, "a string or an array"));
  std::vector<std::string> items;
  for (const Node& item : TRY(value.array()))
    items.push_back(
        TRY(value_for("an entry of " + std::string(key), list_item(item, "a string or a number"))));
  return join_entries(key, items);
}

Result<std::string> number_text(const Setting& setting, const Node& value) {
  return std::to_string(TRY(value.integer(setting.min, setting.max)));
}

Result<std::string> switch_text(const Node& value) {
  return std::string(TRY(value.boolean()) ? "true" : "false");
}

Result<std::string> setting_text(const Setting& setting, const Node& value) {
  switch (setting.kind) {
    case ValueKind::text:
      return value_for(setting.key, setting_word(setting, value));
    case ValueKind::list:
      return list_text(setting.key, value);
    case ValueKind::seconds:
    case ValueKind::mebibytes:
      return value_for(setting.key, number_text(setting, value));
    case ValueKind::on_or_off:
      return value_for(setting.key, switch_text(value));
  }
  std::unreachable();
}

Result<std::vector<NamedText>> text_map(std::string_view key, const Node& object, const std::string& path) {
  std::vector<NamedText> entries;
  for (const Member& member : TRY(value_for(key, object.object()))) {
    const std::string_view text = TRY(value_for(quote(member.name), member.value.string()));
    entries.push_back({member.name, std::string(text), place(path, member.line)});
  }
  return entries;
}

std::vector<std::string_view> known_keys() {
  std::vector<std::string_view> keys{"$schema", "allow", "relays", "telemetry", "resource_attributes"};
  for (const Setting& setting : settings)
    if (setting.reach == SettingPlace::everywhere) keys.push_back(setting.key);
  return keys;
}

Result<PolicyFile> read_policy(const Node& root, const std::string& path) {
  TRY(root.object());
  TRY(root.only_keys(known_keys()));
  if (const Node* schema = root.find("$schema")) TRY(value_for("$schema", schema->string()));
  PolicyFile policy;
  for (const Setting& setting : settings) {
    const Node* value = setting.reach == SettingPlace::everywhere ? root.find(setting.key) : nullptr;
    if (value == nullptr) continue;
    policy.settings[setting.key] = {TRY(setting_text(setting, *value)),
                                    place(path, value->line()) + ": " + std::string(setting.key)};
  }
  if (const Node* allow = find_part(root, "allow")) policy.allow = *allow;
  if (const Node* relays = find_part(root, "relays")) policy.relays = TRY(parse_relays(*relays, path));
  if (const Node* module = root.find("telemetry")) {
    TRY(value_for("telemetry", module->object()));
    policy.module = TRY(parse_module(*module, path));
  }
  if (const Node* map = root.find("resource_attributes"))
    policy.resource_attributes = TRY(text_map("resource_attributes", *map, path));
  return policy;
}

Result<std::string> text_part(const Node& object, std::string_view key) {
  const Node* part = find_part(object, key);
  if (part == nullptr) return std::string{};
  return std::string(TRY(value_for(key, part->string())));
}

}  // namespace

Result<PolicyFile> parse_policy_file(std::string_view text, const std::string& path) {
  const auto root = parse_located(text);
  if (!root) return std::unexpected(Error(root.error()).within(path));
  auto policy = read_policy(*root, path);
  if (!policy) return std::unexpected(std::move(policy).error().within(path));
  return policy;
}

Result<Module> parse_module(const Node& object, const std::string& origin) {
  constexpr std::array<std::string_view, 5> keys{"enabled", "otlp_endpoint", "otlp_protocol", "otlp_headers",
                                                 "resource_attributes"};
  TRY(object.object());
  TRY(object.only_keys(keys));
  Module module;
  module.origin = origin;
  if (const Node* enabled = find_part(object, "enabled"))
    module.enabled = TRY(value_for("enabled", enabled->boolean())) ? Choice::yes : Choice::no;
  module.endpoint = TRY(text_part(object, "otlp_endpoint"));
  module.protocol = TRY(text_part(object, "otlp_protocol"));
  if (const Node* headers = find_part(object, "otlp_headers"))
    for (const Member& member : TRY(value_for("otlp_headers", headers->object()))) {
      const std::string_view value = TRY(value_for(quote(member.name), member.value.string()));
      module.headers.emplace_back(member.name, Secret(std::string(value)));
    }
  if (const Node* map = find_part(object, "resource_attributes"))
    module.resource_attributes = TRY(text_map("resource_attributes", *map, origin));
  return module;
}

}  // namespace ostiary::config
