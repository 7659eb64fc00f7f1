// config/secrets.h: a secret comes as NAME, as NAME_FILE (a path), or as the file /run/secrets/NAME; from one
// of them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "ostiary/config/sources.h"

namespace ostiary::config {

// Where the telemetry gateway's credentials come from. The agent never gets these.
inline constexpr std::array<std::string_view, 3> grafana_names{"GRAFANA_INSTANCE_ID", "GRAFANA_API_TOKEN",
                                                               "GRAFANA_OTLP_ENDPOINT"};
inline constexpr std::string_view module_name = "OSTIARY_TELEMETRY";
inline constexpr std::array<std::string_view, 4> header_names{
    "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
    "OTEL_EXPORTER_OTLP_LOGS_HEADERS"};
// What the agent itself signs in with, and so must get.
inline constexpr std::array<std::string_view, 3> agent_names{"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN",
                                                             "CLAUDE_CODE_OAUTH_TOKEN"};

// A credential is one line; JSON may be several.
enum class Lines : uint8_t { one, several };

Result<std::optional<Sourced>> find_secret(std::string_view name, Lines lines, const Sources& sources);

}  // namespace ostiary::config
