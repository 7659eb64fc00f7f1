#include "ostiary/telemetry/managed_settings.h"

#include <nlohmann/json.hpp>

#include "source.h"

namespace ostiary::telemetry {

std::string render_managed_settings(const Telemetry& telemetry) {
  nlohmann::json env = nlohmann::json::object();
  for (const Route& route : telemetry.routes) {
    env[otlp_variable(route.signal, "ENDPOINT")] = text(route.endpoint);
    env[otlp_variable(route.signal, "PROTOCOL")] = text(route.protocol);
  }
  for (const Variable& variable : telemetry.variables)
    if (variable.secrecy == Secrecy::open) env[variable.name] = variable.value.reveal();
  for (const std::string& name : telemetry.detours) env[name] = "";
  constexpr auto replace = nlohmann::json::error_handler_t::replace;
  return nlohmann::json{{"env", std::move(env)}, {"otelHeadersHelper", ""}}.dump(2, ' ', false, replace) +
         "\n";
}

}  // namespace ostiary::telemetry
