// config/secrets.h: reads secrets.
// A secret comes from the variable NAME, from the file that the variable NAME_FILE names, or from
// the file /run/secrets/NAME. Two of these at once are an error.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "ostiary/config/sources.h"

namespace ostiary::config {

// The sources of the telemetry gateway's credentials. The agent never gets these.
inline constexpr std::array<std::string_view, 3> grafana_names{"GRAFANA_INSTANCE_ID", "GRAFANA_API_TOKEN",
                                                               "GRAFANA_OTLP_ENDPOINT"};
inline constexpr std::string_view module_name = "OSTIARY_TELEMETRY";
inline constexpr std::array<std::string_view, 4> header_names{
    "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
    "OTEL_EXPORTER_OTLP_LOGS_HEADERS"};
// The agent's own credentials for signing in. The agent gets these.
inline constexpr std::array<std::string_view, 3> agent_names{"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN",
                                                             "CLAUDE_CODE_OAUTH_TOKEN"};

// A credential has one line. JSON may have several.
enum class Lines : uint8_t { one, several };

Result<std::optional<Sourced>> find_secret(std::string_view name, Lines lines, const Sources& sources);

}  // namespace ostiary::config
