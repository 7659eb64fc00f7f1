// The policy file. The reader with line numbers and nlohmann's reader agree on its content. An
// error is one line that names an existing line of the text. Rules that were read can be written
// and read again.
#include "config/policy_file.h"

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "fuzz.h"
#include "ostiary/config/located_json.h"
#include "ostiary/policy/parse.h"

using namespace ostiary;
using namespace ostiary::config;
using Json = nlohmann::ordered_json;

namespace {

size_t count_lines(std::string_view text) {
  return 1 + static_cast<size_t>(std::ranges::count(text, '\n'));
}

// The same value, with each key once, and lines that never decrease.
void check_same(const Node& node, const Json& json, size_t& line, size_t last_line) {
  HOLDS(node.line() >= line && node.line() <= last_line);
  line = node.line();
  switch (node.kind()) {
    case Kind::null:
      return HOLDS(json.is_null());
    case Kind::boolean:
      return HOLDS(json.is_boolean() && node.boolean().value() == json.get<bool>());
    case Kind::number: {
      HOLDS(json.is_number());
      const auto integer = node.integer(INT64_MIN, INT64_MAX);
      const bool fits = json.is_number_integer() &&
                        (!json.is_number_unsigned() || json.get<uint64_t>() <= uint64_t{INT64_MAX});
      HOLDS(integer.has_value() == fits);
      return HOLDS(!integer || *integer == json.get<int64_t>());
    }
    case Kind::string:
      return HOLDS(json.is_string() && node.string().value() == json.get_ref<const std::string&>());
    case Kind::array: {
      const auto items = node.array().value();
      HOLDS(json.is_array() && items.size() == json.size());
      for (size_t i = 0; i < items.size(); ++i) check_same(items[i], json[i], line, last_line);
      return;
    }
    case Kind::object: {
      const auto members = node.object().value();
      HOLDS(json.is_object() && members.size() == json.size());
      for (const Member& member : members) {
        HOLDS(member.line >= line && json.contains(member.name));
        line = member.line;
        check_same(member.value, json[member.name], line, last_line);
      }
    }
  }
}

// Starts with "…: line N: …" or "line N: …", and the text has that many lines.
void check_error(const Error& error, std::string_view text) {
  HOLDS(fuzz::is_one_line(error));
  const size_t at = error.message.find("line ");
  HOLDS(at != std::string::npos);
  const size_t line = std::stoul(error.message.substr(at + 5));
  HOLDS(line >= 1 && line <= count_lines(text));
}

std::string_view no_variable(std::string_view) {
  return {};
}

void check_rules(const Node& allow, std::string_view text) {
  const auto rules = policy::parse_allow(allow, "policy.json", no_variable);
  if (!rules) return check_error(rules.error(), text);
  for (const policy::Rule& rule : *rules) {
    HOLDS(!rule.ports.empty());
    const auto again = policy::parse_entry(policy::text(rule), "a test", no_variable);
    HOLDS(again && again->size() == 1 && again->front().subject == rule.subject);
    HOLDS(again->front().ports == rule.ports && again->front().protocol == rule.protocol);
    HOLDS(named_in_tls(again->front()) == named_in_tls(rule));
    HOLDS(rule.reason.starts_with("policy.json line ") || rule.reason.starts_with("preset:"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::as_text({data, size});
  const auto node = parse_located(text);
  if (node) {
    const Json json = Json::parse(text, nullptr, false, true);
    HOLDS(!json.is_discarded() && !text.contains('\0'));
    size_t line = 1;
    check_same(*node, json, line, count_lines(text));
  } else {
    check_error(node.error(), text);
  }
  const auto policy = parse_policy_file(text, "/etc/ostiary/policy.json");
  HOLDS(node || !policy);
  if (!policy) {
    check_error(policy.error(), text);
  } else if (policy->allow) {
    check_rules(*policy->allow, text);
  }
  return 0;
}
