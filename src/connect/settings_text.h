// connect/settings_text.h: changes members in the text of a settings file. Pure.
// - The octets of all other members stay as they are, and so does the order.
// - A text is that of a JSON object. Comments and keys that occur twice are errors, which show the place.
// - A text may hold secrets.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/base/secret.h"

namespace ostiary::connect {

// The keys from the outermost object to a member.
using Path = std::vector<std::string>;
// "env.OTEL_SERVICE_NAME".
std::string text(const Path& path);

struct Change {
  Path path;
  std::optional<Secret> value = {};  // as JSON; nothing: the member is taken out
};

// Objects on the way to a member are made. A member that is not there is taken out already.
Result<Secret> apply_changes(std::string_view text, std::span<const Change> changes);

// The member's value as JSON, or nothing if there is no such member.
Result<std::optional<Secret>> find_value(std::string_view text, const Path& path);
// The keys of an object. None if there is no such member, or if it is no object.
Result<std::vector<std::string>> keys_of(std::string_view text, const Path& path);

Result<bool> is_empty_object(std::string_view text);

// What leads back from `after` to `before`, in a text that has been changed further.
struct WayBack {
  std::vector<Change> changes = {};
  std::vector<Path> kept = {};  // members that are neither as before nor as after
};
Result<WayBack> find_way_back(std::string_view before, std::string_view after, std::string_view now);

// The text as a JSON string. Requires UTF-8 without control characters.
Secret json_string(std::string_view text);

}  // namespace ostiary::connect
