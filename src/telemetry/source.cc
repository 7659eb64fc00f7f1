#include "source.h"

#include <algorithm>

#include "ostiary/base/text.h"
#include "ostiary/config/secrets.h"
#include "telemetry/headers.h"

namespace ostiary::telemetry {
namespace {

using config::Config;
using config::Sourced;
using config::TelemetrySource;

constexpr Protocol standard_protocol = Protocol::http_protobuf;

bool has_endpoint(const Config& config) {
  const auto set = [&](std::optional<Signal> signal) {
    return !config.environment.get(otlp_variable(signal, "ENDPOINT")).empty();
  };
  return set(std::nullopt) || std::ranges::any_of(all_signals, set);
}

bool has_other_otlp(const Config& config) {
  return !config.environment.get("OTEL_EXPORTER_OTLP_PROTOCOL").empty() ||
         config.secrets.contains("OTEL_EXPORTER_OTLP_HEADERS");
}

bool has_grafana(const Config& config) {
  return config.grafana.instance_id || config.grafana.api_token || config.grafana.endpoint;
}

bool has_module(const Config& config) {
  return config.module && config.module->enabled == config::Choice::yes;
}

std::string grafana_description(const config::GrafanaCloud& grafana) {
  for (const auto* part : {&grafana.instance_id, &grafana.api_token, &grafana.endpoint})
    if (*part) return "grafana-cloud (" + (*part)->origin + ")";
  return "grafana-cloud";
}

std::string otlp_description(const Config& config) {
  if (!config.environment.get(otlp_variable({}, "ENDPOINT")).empty())
    return "otlp (OTEL_EXPORTER_OTLP_ENDPOINT)";
  for (const Signal signal : all_signals)
    if (!config.environment.get(otlp_variable(signal, "ENDPOINT")).empty())
      return "otlp (" + otlp_variable(signal, "ENDPOINT") + ")";
  return "otlp";
}

// ---- grafana-cloud

Result<SourceSettings> read_grafana(const config::GrafanaCloud& grafana) {
  SourceSettings settings;
  settings.origin = "grafana-cloud";
  auto endpoint = parse_endpoint(grafana.endpoint->value.reveal(), standard_protocol, EndpointUse::base);
  if (!endpoint) return std::unexpected(std::move(endpoint).error().within(grafana.endpoint->origin));
  const std::string_view instance = grafana.instance_id->value.reveal();
  if (instance.contains(':'))
    return fail(Exit::configuration, grafana.instance_id->origin +
                                         ": holds a colon: write the instance ID alone, without the token");
  std::vector<Header> headers;
  auto header = make_header("Authorization", basic_authorization(instance, grafana.api_token->value));
  if (!header) return std::unexpected(std::move(header).error().within(grafana.api_token->origin));
  headers.push_back(std::move(*header));
  settings.base.endpoint = std::move(*endpoint);
  settings.base.protocol = standard_protocol;
  settings.base.headers = encode_headers(headers);
  return settings;
}

// ---- otlp

Result<std::optional<Protocol>> read_protocol(const Config& config, std::optional<Signal> signal) {
  const std::string variable = otlp_variable(signal, "PROTOCOL");
  const std::string_view text = config.environment.get(variable);
  if (text.empty()) return std::nullopt;
  auto protocol = parse_protocol(text);
  if (!protocol) return std::unexpected(std::move(protocol).error().within(variable));
  return *protocol;
}

Result<std::optional<Endpoint>> read_endpoint(const Config& config, std::optional<Signal> signal,
                                              Protocol protocol) {
  const std::string variable = otlp_variable(signal, "ENDPOINT");
  const std::string_view url = config.environment.get(variable);
  if (url.empty()) return std::nullopt;
  auto endpoint = parse_endpoint(url, protocol, signal ? EndpointUse::signal : EndpointUse::base);
  if (!endpoint) return std::unexpected(std::move(endpoint).error().within(variable));
  return std::move(*endpoint);
}

Result<std::optional<Secret>> read_headers(const Config& config, std::optional<Signal> signal) {
  const auto found = config.secrets.find(otlp_variable(signal, "HEADERS"));
  if (found == config.secrets.end()) return std::nullopt;
  auto headers = parse_headers(found->second.value.reveal());
  if (!headers) return std::unexpected(std::move(headers).error().within(found->second.origin));
  return encode_headers(*headers);
}

Result<Target> read_target(const Config& config, std::optional<Signal> signal, Protocol inherited) {
  Target target;
  target.protocol = TRY(read_protocol(config, signal));
  target.endpoint = TRY(read_endpoint(config, signal, target.protocol.value_or(inherited)));
  target.headers = TRY(read_headers(config, signal));
  return target;
}

Result<SourceSettings> read_otlp(const Config& config) {
  SourceSettings settings;
  settings.origin = "otlp";
  settings.base = TRY(read_target(config, std::nullopt, standard_protocol));
  if (!settings.base.protocol) settings.base.protocol = standard_protocol;
  for (const Signal signal : all_signals)
    settings.by_signal.at(static_cast<size_t>(signal)) =
        TRY(read_target(config, signal, *settings.base.protocol));
  return settings;
}

// ---- module

Result<SourceSettings> read_module(const config::Module& module) {
  SourceSettings settings;
  settings.origin = "module";
  settings.base.protocol = standard_protocol;
  if (!module.protocol.empty()) {
    auto protocol = parse_protocol(module.protocol);
    if (!protocol)
      return std::unexpected(std::move(protocol).error().within(module.origin + ": otlp_protocol"));
    settings.base.protocol = *protocol;
  }
  auto endpoint = parse_endpoint(module.endpoint, *settings.base.protocol, EndpointUse::base);
  if (!endpoint)
    return std::unexpected(std::move(endpoint).error().within(module.origin + ": otlp_endpoint"));
  settings.base.endpoint = std::move(*endpoint);
  std::vector<Header> headers;
  for (const auto& [name, value] : module.headers) {
    auto header = make_header(name, value);
    if (!header) return std::unexpected(std::move(header).error().within(module.origin + ": otlp_headers"));
    headers.push_back(std::move(*header));
  }
  if (!headers.empty()) settings.base.headers = encode_headers(headers);
  return settings;
}

}  // namespace

std::string otlp_variable(std::optional<Signal> signal, std::string_view what) {
  std::string name = "OTEL_EXPORTER_OTLP_";
  if (signal) {
    name += to_upper(text(*signal)) + "_";
  }
  return name.append(what);
}

Result<std::optional<TelemetrySource>> find_source(const Config& config) {
  if (config.telemetry_source) return config.telemetry_source;
  std::vector<std::pair<TelemetrySource, std::string>> there;
  if (has_grafana(config))
    there.emplace_back(TelemetrySource::grafana_cloud, grafana_description(config.grafana));
  if (has_endpoint(config)) there.emplace_back(TelemetrySource::otlp, otlp_description(config));
  if (has_module(config))
    there.emplace_back(TelemetrySource::module, "module (" + config.module->origin + ")");
  if (there.size() > 1)
    return fail(Exit::configuration, "telemetry is configured twice, by " + there[0].second + " and by " +
                                         there[1].second + ": keep one, or choose with --telemetry");
  if (!there.empty()) return there.front().first;
  if (has_other_otlp(config)) return TelemetrySource::otlp;
  if (config.module) return TelemetrySource::module;  // it is disabled
  return std::nullopt;
}

std::vector<std::string> missing_from(TelemetrySource source, const Config& config) {
  std::vector<std::string> missing;
  switch (source) {
    case TelemetrySource::off:
      break;
    case TelemetrySource::grafana_cloud:
      if (!config.grafana.instance_id) missing.emplace_back(config::grafana_names[0]);
      if (!config.grafana.api_token) missing.emplace_back(config::grafana_names[1]);
      if (!config.grafana.endpoint) missing.emplace_back(config::grafana_names[2]);
      break;
    case TelemetrySource::otlp:
      if (!has_endpoint(config)) missing.push_back(otlp_variable({}, "ENDPOINT"));
      break;
    case TelemetrySource::module:
      if (!config.module)
        missing.emplace_back(config::module_name);
      else if (config.module->endpoint.empty())
        missing.push_back(config.module->origin + ": otlp_endpoint");
      break;
  }
  return missing;
}

Result<SourceSettings> read_source(TelemetrySource source, const Config& config) {
  switch (source) {
    case TelemetrySource::grafana_cloud:
      return read_grafana(config.grafana);
    case TelemetrySource::otlp:
      return read_otlp(config);
    case TelemetrySource::module:
      return read_module(*config.module);
    case TelemetrySource::off:
      break;
  }
  return SourceSettings{};
}

bool is_otlp_variable(std::string_view name, std::span<const std::string_view> about) {
  const auto is = [&](std::optional<Signal> signal) {
    return std::ranges::any_of(about,
                               [&](std::string_view what) { return name == otlp_variable(signal, what); });
  };
  return is(std::nullopt) || std::ranges::any_of(all_signals, is);
}

}  // namespace ostiary::telemetry
