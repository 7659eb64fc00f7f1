#include "ostiary/connect/check.h"

#include <algorithm>

#include "connect/variables.h"
#include "ostiary/base/escape.h"
#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"
#include "ostiary/config/config.h"
#include "ostiary/config/secrets.h"
#include "ostiary/inet/url.h"
#include "ostiary/telemetry/authorities.h"
#include "ostiary/telemetry/proxies.h"
#include "ostiary/telemetry/telemetry.h"

namespace ostiary::connect {
namespace {

using telemetry::Protocol;
using telemetry::Signal;

constexpr std::array signals{Signal::traces, Signal::metrics, Signal::logs};
constexpr std::string_view cure = "write ostiary telemetry connect";

config::Environment copy_of(const config::Environment& environment) {
  return environment.without([](std::string_view) { return false; });
}

Result<config::Environment> merge(const config::Environment& environment, std::span<const Layer> layers) {
  config::Environment merged = copy_of(environment);
  for (const Layer& layer : layers) {
    auto variables = read_variables(layer.text.reveal());
    if (!variables) return std::unexpected(std::move(variables).error().within(escape_controls(layer.path)));
    for (const SettingsVariable& each : *variables) merged.set(each.name, each.value.reveal());
  }
  return merged;
}

// As it is sent: the reader of the list decodes '%', and Claude Code does so for gRPC alone.
Secret headers_as_sent(std::string_view written, std::string_view protocol) {
  std::string list;
  list.reserve(3 * written.size() + 64);
  for (const char c : written)
    if (c == '%' && protocol != telemetry::text(Protocol::grpc))
      list += "%25";
    else
      list += c;
  return Secret(std::move(list));
}

std::string_view protocol_of(const config::Environment& variables, std::string_view headers_name) {
  std::string name(headers_name);
  name.replace(name.rfind("HEADERS"), std::string_view::npos, "PROTOCOL");
  const std::string_view own = variables.get(name);
  return own.empty() ? variables.get(telemetry::otlp_variable({}, "PROTOCOL")) : own;
}

config::Config make_config(const config::Environment& variables) {
  config::Config config;
  config.gate = config::GateSwitch::off;
  config.telemetry_source = config::TelemetrySource::otlp;
  for (const std::string_view name : config::header_names)
    if (const std::string_view value = variables.get(name); !value.empty())
      config.secrets.emplace(
          name, config::Sourced{headers_as_sent(value, protocol_of(variables, name)), std::string(name)});
  config.environment = copy_of(variables);
  return config;
}

Result<> check_that_it_sends(const config::Environment& variables) {
  constexpr std::string_view enable = "CLAUDE_CODE_ENABLE_TELEMETRY";
  const std::string_view value = variables.get(enable);
  if (value == "1" || value == "true") return {};
  return fail(Exit::configuration, "Claude Code sends no telemetry, because " + std::string(enable) +
                                       (value.empty() ? " is not set: " : " is not 1: ") + std::string(cure) +
                                       " --endpoint URL");
}

// Why Claude Code does not send the signal; empty if it does.
std::string why_unsent(const config::Environment& variables, Signal signal) {
  constexpr std::string_view traces = "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA";
  const std::string selector = "OTEL_" + to_upper(telemetry::text(signal)) + "_EXPORTER";
  const std::string_view value = variables.get(selector);
  if (value.empty()) return selector + " is not set";
  if (!value.contains("otlp")) return selector + " is " + quote_refused(value) + ", and not otlp";
  const std::string_view beta = variables.get(traces);
  if (signal == Signal::traces && beta != "1" && beta != "true") return std::string(traces) + " is not 1";
  return {};
}

relay::CollectorSetup collector_of(const telemetry::Route& route) {
  const relay::ServerAddress server{.scheme = route.endpoint.scheme,
                                    .destination = route.endpoint.destination};
  return {.server = server,
          .authority = inet::authority(server.scheme, server.destination),
          .protocol = route.protocol,
          .paths = {{route.signal, route.endpoint.path.empty() ? "/" : route.endpoint.path}}};
}

void add_attributes(relay::Setup& setup, const telemetry::Telemetry& telemetry,
                    const config::Environment& variables, std::string_view marker) {
  for (const telemetry::Attribute& each : telemetry.attributes)
    setup.attributes.push_back({each.key, each.value});
  const std::string_view service = variables.get("OTEL_SERVICE_NAME");
  const bool is_named =
      std::ranges::find(setup.attributes, "service.name", &relay::NamedValue::name) != setup.attributes.end();
  if (!service.empty() || !is_named) {
    std::erase_if(setup.attributes,
                  [](const relay::NamedValue& each) { return each.name == "service.name"; });
    setup.attributes.push_back({"service.name", std::string(service.empty() ? "claude-code" : service)});
  }
  setup.attributes.push_back({std::string(marker_attribute), std::string(marker)});
}

void add_notes(const config::Environment& variables, std::vector<std::string>& notes) {
  for (const std::string_view name : telemetry::proxies)
    if (!variables.get(name).empty())
      notes.push_back(std::string(name) +
                      " is set, so Claude Code may send through that proxy; the check connects directly");
}

// Claude Code reads OpenTelemetry's variables of certificates for gRPC alone.
telemetry::TlsFiles find_files(std::span<const telemetry::Route> routes, const config::Environment& variables,
                               std::vector<std::string>& notes) {
  const auto lookup = [&](std::string_view name) { return variables.get(name); };
  const bool has_grpc = std::ranges::any_of(
      routes, [](const telemetry::Route& each) { return each.protocol == Protocol::grpc; });
  if (has_grpc) return telemetry::find_collectors_files(lookup);
  constexpr std::string_view of_grpc = "OTEL_EXPORTER_OTLP_CERTIFICATE";
  if (!variables.get(of_grpc).empty())
    notes.push_back(std::string(of_grpc) + " counts for gRPC alone: name the file in NODE_EXTRA_CA_CERTS");
  telemetry::TlsFiles files = telemetry::find_authorities(lookup);
  files.client_certificate = std::string(lookup("CLAUDE_CODE_CLIENT_CERT"));
  files.client_key = std::string(lookup("CLAUDE_CODE_CLIENT_KEY"));
  return files;
}

}  // namespace

Result<Check> plan_check(const config::Environment& environment, std::span<const Layer> layers,
                         std::string_view marker) {
  const config::Environment variables = TRY(merge(environment, layers));
  TRY(check_that_it_sends(variables));
  const telemetry::Telemetry telemetry = TRY(telemetry::plan_telemetry(make_config(variables), {}));
  Check check;
  for (const Signal signal : signals)
    if (const std::string why = why_unsent(variables, signal); !why.empty())
      check.unsent.push_back(std::string(telemetry::text(signal)) + ": not sent by Claude Code, because " +
                             why + ": " + std::string(cure));
  if (std::holds_alternative<telemetry::Incomplete>(telemetry.state))
    return fail(Exit::configuration,
                "OTEL_EXPORTER_OTLP_ENDPOINT is not set, so Claude Code sends to "
                "http://localhost:4318: " +
                    std::string(cure) + " --endpoint URL");
  for (const telemetry::Route& route : telemetry.routes()) {
    if (!why_unsent(variables, route.signal).empty()) continue;
    check.setup.collectors.push_back(collector_of(route));
    check.credentials.push_back(route.headers.clone());
  }
  check.setup.tls_files = find_files(telemetry.routes(), variables, check.notes);
  if (const telemetry::On* const on = telemetry.on()) check.setup.temporality = on->temporality;
  add_attributes(check.setup, telemetry, variables, marker);
  std::ranges::copy(telemetry.warnings, std::back_inserter(check.notes));
  add_notes(variables, check.notes);
  return check;
}

std::vector<std::string> routing_layers(std::span<const Layer> layers) {
  std::vector<std::string> paths;
  for (const Layer& layer : layers) {
    const auto variables = read_variables(layer.text.reveal());
    if (variables && std::ranges::any_of(*variables, [](const SettingsVariable& each) {
          return telemetry::routes_telemetry(each.name);
        }))
      paths.push_back(layer.path);
  }
  return paths;
}

}  // namespace ostiary::connect
