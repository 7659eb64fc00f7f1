// telemetry/made_up.h: the telemetry of an invented container.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "config/made_up.h"
#include "ostiary/platform/platform.h"
#include "ostiary/telemetry/telemetry.h"

namespace ostiary::telemetry {

inline const std::vector<std::string> grafana_trio{
    "GRAFANA_INSTANCE_ID=123456", "GRAFANA_API_TOKEN=glc_hunter2",
    "GRAFANA_OTLP_ENDPOINT=https://otlp-gateway-prod-eu-west-0.grafana.net/otlp"};

// grafana_trio with more variables.
inline std::vector<std::string> trio_and(std::vector<std::string> more) {
  more.insert(more.begin(), grafana_trio.begin(), grafana_trio.end());
  return more;
}

inline Result<Telemetry> telemetry_for(const config::Config& config, const platform::HostFacts& facts = {}) {
  const auto variable = [&config](std::string_view name) { return config.environment.get(name); };
  return plan_telemetry(config, platform::detect(variable, facts));
}

inline Result<Telemetry> telemetry_of(const config::MadeUp& container,
                                      const platform::HostFacts& facts = {}) {
  return telemetry_for(config::good_config(container), facts);
}

// For a container without errors.
inline Telemetry good_telemetry(const config::MadeUp& container, const platform::HostFacts& facts = {}) {
  auto telemetry = telemetry_of(container, facts);
  REQUIRE_MESSAGE(telemetry, error_of(telemetry));
  return *std::move(telemetry);
}

// Without a relay: the agent sends by itself, and has the credentials.
inline Telemetry direct_telemetry(const config::MadeUp& container, const platform::HostFacts& facts = {}) {
  config::Config config = config::good_config(container);
  config.relay = config::RelaySwitch::off;
  auto telemetry = telemetry_for(config, facts);
  REQUIRE_MESSAGE(telemetry, error_of(telemetry));
  return *std::move(telemetry);
}

inline const std::string left_with_the_agent =
    "relay off: every process of the agent can read the collector's credential, and can send what it likes "
    "in "
    "the name of others";

inline std::vector<std::string> missing_from(const Telemetry& telemetry) {
  const auto* incomplete = std::get_if<Incomplete>(&telemetry.state);
  return incomplete == nullptr ? std::vector<std::string>() : incomplete->missing;
}

// "NAME=value" that the agent gets, or "NAME" if it gets none.
inline std::string given(const Telemetry& telemetry, std::string_view name) {
  const auto found = std::ranges::find(telemetry.variables(), name, &Variable::name);
  std::string shown(name);
  return found == telemetry.variables().end() ? shown : shown + "=" + std::string(found->value.reveal());
}

// "traces https://a:4318/v1/traces over http/protobuf" lines.
inline std::string routes_of(const Telemetry& telemetry) {
  std::string lines;
  for (const Route& route : telemetry.routes())
    lines += std::string(text(route.signal)) + " " + text(route.endpoint) + " over " +
             std::string(text(route.protocol)) + "\n";
  return lines;
}

}  // namespace ostiary::telemetry
