#include "ostiary/state/files.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "ostiary/base/replace_file.h"
#include "ostiary/telemetry/env_file.h"

namespace ostiary::state {
namespace {

constexpr mode_t for_root_alone = 0600;

}  // namespace

Result<> remove_stale_files() {
  TRY(remove_file(state_directory, otel_env_name));
  TRY(remove_file(state_directory, status_name));
  return remove_session();
}

Result<> write_otel_env(std::span<const telemetry::Variable> given) {
  std::vector<std::pair<std::string_view, std::string_view>> variables;
  for (const telemetry::Variable& variable : given)
    variables.emplace_back(variable.name, variable.value.reveal());
  const Secret text = TRY(telemetry::render_env_file(variables));
  return replace_file(state_directory, otel_env_name, text.reveal(), for_root_alone);
}

Result<> write_session(const confine::Identity& identity, std::string_view workdir, std::string_view network,
                       std::span<const std::string> environment) {
  const Secret text = render_session(identity, workdir, network, environment);
  return replace_file(state_directory, session_name, text.reveal(), for_root_alone);
}

Result<> remove_session() {
  return remove_file(state_directory, session_name);
}

Result<> write_status(const Status& status) {
  const nlohmann::ordered_json json{
      {"gate", status.gate},           {"telemetry", status.telemetry},
      {"user", status.user},           {"rules", status.rules},
      {"inbound", status.inbound},     {"unresolved", status.unresolved},
      {"self_test", status.self_test}, {"allowed_sockets", status.allowed_sockets},
      {"scope", status.scope},         {"tracking", status.tracking}};
  constexpr auto replace = nlohmann::ordered_json::error_handler_t::replace;
  return replace_file(state_directory, status_name, json.dump(2, ' ', false, replace) + "\n", for_root_alone);
}

}  // namespace ostiary::state
