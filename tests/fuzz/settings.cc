// The container's environment and policy file together, as `ostiary run` reads them: either every setting is
// within its bounds, or there is one line, and it does not hold the value of a secret.
#include <string>
#include <vector>

#include "fuzz.h"
#include "ostiary/audit/target.h"
#include "ostiary/config/config.h"
#include "ostiary/telemetry/telemetry.h"

using namespace ostiary;
using namespace ostiary::config;

namespace {

// A path to a secret is none.
bool is_secret(std::string_view name) {
  if (name.ends_with("_FILE")) return false;
  return name.contains("TOKEN") || name.contains("KEY") || name.contains("HEADERS") ||
         name == "OSTIARY_TELEMETRY";
}

// Values long enough not to stand in a message by chance.
void check_error(const Error& error, const std::vector<std::string>& entries) {
  HOLDS(fuzz::is_one_line(error));
  for (const std::string_view entry : entries) {
    const size_t equals = std::min(entry.find('='), entry.size());
    if (!is_secret(entry.substr(0, equals)) || entry.size() - equals < 16) continue;
    HOLDS(!error.message.contains(entry.substr(equals + 1)));
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

}  // namespace

// Entries, each ended by a NUL; an empty one, and then the policy file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  std::vector<std::string> entries;
  while (!input.empty()) {
    const std::string_view entry = input.text_until('\0');
    if (entry.empty()) break;
    entries.emplace_back(entry);
  }
  const std::string policy(input.rest_as_text());
  const auto read_file = [&](const std::string& path) -> Result<std::optional<std::string>> {
    if (path == "/etc/ostiary/policy.json" && !policy.empty()) return policy;
    if (path.contains("missing")) return std::nullopt;
    if (path.contains("token")) return std::string("a-token-from-a-file\n");
    return std::nullopt;
  };
  const auto config = read_config({Environment(entries), {}, read_file});
  if (!config) {
    check_error(config.error(), entries);
    return 0;
  }
  check_config(*config);
  const auto telemetry = telemetry::plan_telemetry(*config, {});
  if (!telemetry) check_error(telemetry.error(), entries);
  return 0;
}
