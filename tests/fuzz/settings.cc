// The container's environment and policy file together, as `ostiary run` reads them. Either all
// settings are within their bounds, or there is a one-line error that does not contain the value of
// a secret.
#include <cctype>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fuzz.h"
#include "ostiary/audit/target.h"
#include "ostiary/config/config.h"
#include "ostiary/telemetry/telemetry.h"

using namespace ostiary;
using namespace ostiary::config;

namespace {

// A path to a secret is not a secret.
bool is_secret(std::string_view name) {
  if (name.ends_with("_FILE")) return false;
  return name.contains("TOKEN") || name.contains("KEY") || name.contains("HEADERS") ||
         name == "OSTIARY_TELEMETRY";
}

using Entries = std::vector<std::string>;

// The error for these entries and this policy file; nothing if there is none.
std::optional<Error> error_of(const Entries& entries, const std::string& policy);

// The same entries, with other letters and digits in one value.
Entries with_another_value(Entries entries, size_t index) {
  std::string& entry = entries[index];
  for (char& c : std::span(entry).subspan(entry.find('=') + 1))
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) c = c == 'x' ? 'y' : 'x';
  return entries;
}

// Text that is in the message whatever the secret is does not come from the secret.
void check_error(const Error& error, const Entries& entries, const std::string& policy) {
  HOLDS(fuzz::is_one_line(error));
  for (size_t i = 0; i < entries.size(); ++i) {
    const std::string_view entry = entries[i];
    const size_t equals = std::min(entry.find('='), entry.size());
    if (!is_secret(entry.substr(0, equals)) || entry.size() - equals < 16) continue;
    const std::string_view value = entry.substr(equals + 1);
    if (!error.message.contains(value)) continue;
    const auto other = error_of(with_another_value(entries, i), policy);
    HOLDS(other && other->message.contains(value));
  }
}

void check_seconds(std::chrono::seconds value, std::string_view key) {
  HOLDS(value.count() >= setting_of(key).min && value.count() <= setting_of(key).max);
}

void check_config(const Config& config) {
  check_seconds(config.grace, "grace");
  check_seconds(config.hold, "hold");
  check_seconds(config.resolve_timeout, "resolve_timeout");
  check_seconds(config.auth_hook_timeout, "auth_hook_timeout");
  HOLDS(config.workdir.empty() || config.workdir.starts_with('/'));
  HOLDS(config.auth_hook.empty() || config.auth_hook.starts_with('/'));
  if (!config.audit) return;
  const auto target = audit::parse_target(config.audit->text);
  if (!target) return HOLDS(fuzz::is_one_line(target.error()));
  if (const auto* file = std::get_if<audit::ToFile>(&*target)) {
    HOLDS(file->path.starts_with('/') && !file->path.ends_with('/'));
    HOLDS(!(file->path + "/").contains("/../") && !(file->path + "/").contains("/./"));
  }
}

std::optional<Error> error_of(const Entries& entries, const std::string& policy) {
  const auto read_file = [&](const std::string& path) -> Result<std::optional<std::string>> {
    if (path == "/etc/ostiary/policy.json" && !policy.empty()) return policy;
    if (path.contains("missing")) return std::nullopt;
    if (path.contains("token")) return std::string("a-token-from-a-file\n");
    return std::nullopt;
  };
  const auto config = read_config({Environment(entries), {}, read_file});
  if (!config) return config.error();
  check_config(*config);
  const auto telemetry = telemetry::plan_telemetry(*config, {});
  if (!telemetry) return telemetry.error();
  return std::nullopt;
}

}  // namespace

// Entries that end with NUL, an empty entry, and the policy file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  Entries entries;
  while (!input.empty()) {
    const std::string_view entry = input.text_until('\0');
    if (entry.empty()) break;
    entries.emplace_back(entry);
  }
  const std::string policy(input.rest_as_text());
  if (const auto error = error_of(entries, policy)) check_error(*error, entries, policy);
  return 0;
}
