#include "ostiary/connect/settings.h"

#include <algorithm>

#include "connect/settings_text.h"
#include "connect/variables.h"
#include "ostiary/base/json.h"
#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"
#include "ostiary/claude/managed_settings.h"
#include "ostiary/inet/special.h"
#include "ostiary/telemetry/telemetry.h"

namespace ostiary::connect {
namespace {

using telemetry::Attribute;
using telemetry::Protocol;
using telemetry::Telemetry;

constexpr const char* env = "env";
constexpr std::string_view attributes_variable = "OTEL_RESOURCE_ATTRIBUTES";
constexpr std::string_view traces_variable = "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA";
constexpr std::string_view temporality_variable = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";

template <typename T>
Result<T> of(std::string_view where, Result<T> result) {
  if (result) return result;
  return std::unexpected(std::move(result).error().within(where));
}

std::unexpected<Error> refuse(std::string message) {
  return fail(Exit::configuration, std::move(message));
}

// ---- the settings so far

// A machine may need its proxy.
bool is_proxy(std::string_view name) {
  return to_upper(name).ends_with("PROXY");
}

// ---- the request

Result<Protocol> read_protocol(const Request& request) {
  if (request.protocol.empty()) return Protocol::http_protobuf;
  return of("--protocol", telemetry::parse_protocol(request.protocol));
}

Result<> check_endpoint(const Request& request, Protocol protocol) {
  const auto endpoint = TRY(
      of("--endpoint", telemetry::parse_endpoint(request.endpoint, protocol, telemetry::EndpointUse::base)));
  if (protocol == Protocol::grpc && endpoint.path.find_first_not_of('/') != std::string::npos)
    return refuse("--endpoint: has a path, which Claude Code ignores over gRPC: write the URL without it");
  return {};
}

Result<> check_temporality(std::string_view temporality) {
  if (temporality.empty() || temporality == "delta" || temporality == "cumulative") return {};
  return refuse("--temporality: " + quote_refused(temporality) +
                " is no temporality: write delta or cumulative");
}

Result<std::vector<Attribute>> read_attributes(const std::vector<std::string>& written) {
  constexpr std::string_view flag = "--attribute";
  std::vector<Attribute> attributes;
  for (std::string_view value : written) {
    if (!value.contains('='))
      return refuse("--attribute: " + quote_refused(value) +
                    " has no '=': write key=value, as in team=platform");
    const std::string_view key = take_until(value, '=');
    attributes.push_back(TRY(of(flag, telemetry::check_attribute(key, value, flag))));
  }
  return telemetry::merge({std::move(attributes)});
}

// The configuration that `run` would read from these settings as variables.
Result<config::Config> make_config(const Request& request, const std::vector<SettingsVariable>& old) {
  config::Config config;
  const Protocol protocol = TRY(read_protocol(request));
  TRY(check_endpoint(request, protocol));
  TRY(check_temporality(request.temporality));
  const std::vector<Attribute> attributes = TRY(read_attributes(request.attributes));

  config.gate = config::GateSwitch::off;
  config.telemetry_source = config::TelemetrySource::otlp;
  for (const SettingsVariable& each : old) {
    if (each.name == attributes_variable) {
      for (Attribute& attribute :
           TRY(of("env." + each.name, telemetry::parse_attributes(each.value.reveal(), each.name))))
        config.policy_attributes.push_back(
            {std::move(attribute.key), std::move(attribute.value), std::move(attribute.source)});
    } else if (!telemetry::routes_telemetry(each.name) && each.name != traces_variable) {
      config.environment.set(each.name, each.value.reveal());
    }
  }
  config.environment.set(telemetry::otlp_variable({}, "ENDPOINT"), request.endpoint);
  config.environment.set(telemetry::otlp_variable({}, "PROTOCOL"), telemetry::text(protocol));
  if (!attributes.empty())
    config.environment.set(attributes_variable, telemetry::encode_attributes(attributes));
  if (!request.temporality.empty()) config.environment.set(temporality_variable, request.temporality);
  for (const auto& [variable, choice] : request.content)
    config.environment.set(variable, choice == config::Choice::yes ? "1" : "0");
  if (request.headers)
    config.secrets.emplace(telemetry::otlp_variable({}, "HEADERS"),
                           config::Sourced{request.headers->value.clone(), request.headers->origin});
  return config;
}

// ---- the settings

// A value that is there already keeps its octets.
Result<> add(std::vector<Change>& changes, std::string_view text, Path path, Secret value) {
  const auto old = TRY(find_value(text, path));
  if (old && TRY(Json::parse(old->reveal())).compact() == TRY(Json::parse(value.reveal())).compact())
    return {};
  changes.push_back({.path = std::move(path), .value = std::move(value)});
  return {};
}

bool is_in(std::span<const telemetry::Variable> variables, std::string_view name) {
  return std::ranges::find(variables, name, &telemetry::Variable::name) != variables.end();
}

// Managed settings also set the endpoint of each signal, and empty the variables with which a project could redirect it.
Result<std::vector<Change>> find_changes(const telemetry::On& on, Kind kind, std::string_view text,
                                         Secrets secrets) {
  std::vector<Change> changes;
  const Json managed = TRY(Json::parse(claude::render_managed_settings(&on)));
  for (const Json::Member& member : managed.find(env)->members())
    if (kind == Kind::managed || is_in(on.variables, member.key))
      TRY(add(changes, text, {env, member.key}, Secret(member.value.compact())));
  for (const telemetry::Variable& variable : on.variables)
    if (variable.secrecy == telemetry::Secrecy::secret)
      TRY(add(changes, text, {env, variable.name},
              json_string(secrets == Secrets::revealed ? variable.value.reveal() : "(secret)")));
  for (const Json::Member& member : managed.members())
    if (member.key != env && kind == Kind::managed)
      TRY(add(changes, text, {member.key}, Secret(member.value.compact())));
  return changes;
}

void take_out_others(const telemetry::On& on, const std::vector<SettingsVariable>& old,
                     std::vector<Change>& changes, std::vector<std::string>& taken_out) {
  for (const SettingsVariable& each : old) {
    const bool redirects = telemetry::routes_telemetry(each.name) ||
                           std::ranges::find(on.detours, each.name) != on.detours.end();
    if (!redirects || is_in(on.variables, each.name)) continue;
    changes.push_back({.path = {env, each.name}, .value = {}});
    taken_out.push_back(each.name);
  }
}

std::string text_of_target(const telemetry::On& on) {
  const auto endpoint =
      std::ranges::find(on.variables, telemetry::otlp_variable({}, "ENDPOINT"), &telemetry::Variable::name);
  return std::string(endpoint->value.reveal()) + " over " +
         std::string(telemetry::text(on.routes.front().protocol));
}

void warn_of_plain_text(const telemetry::On& on, NewSettings& made) {
  const telemetry::Endpoint& endpoint = on.routes.front().endpoint;
  if (made.has_secret && endpoint.scheme == inet::Scheme::http &&
      !inet::is_loopback(endpoint.destination.host))
    made.warnings.emplace_back("the header is sent in plain text: write an endpoint with https://");
}

// Of switches that the settings had before.
void warn_of_content(const Request& request, const telemetry::On& on, NewSettings& made) {
  std::vector<std::string> sent;
  for (const telemetry::Variable& each : on.variables) {
    const bool is_content =
        std::ranges::find(content_switches, each.name, &ContentSwitch::variable) != content_switches.end();
    const bool is_asked_for =
        std::ranges::any_of(request.content, [&](const auto& asked) { return asked.first == each.name; });
    if (is_content && !is_asked_for && (each.value.reveal() == "1" || each.value.reveal() == "true"))
      sent.push_back(each.name);
  }
  if (!sent.empty() && request.content.empty())
    made.warnings.push_back("texts of sessions are sent, because these are on: " + join(sent, ", "));
}

bool has_secret(const telemetry::On& on) {
  return std::ranges::any_of(on.variables, [](const telemetry::Variable& variable) {
    return variable.secrecy == telemetry::Secrecy::secret;
  });
}

}  // namespace

Result<NewSettings> make_settings(const Request& request, Kind kind, std::string_view text, Secrets secrets) {
  const std::vector<SettingsVariable> old = TRY(read_variables(text));
  Telemetry telemetry = TRY(telemetry::plan_telemetry(TRY(make_config(request, old)), {}));
  telemetry::On on = std::get<telemetry::On>(std::move(telemetry.state));
  std::erase_if(on.detours, is_proxy);
  NewSettings made{.text = {}, .target = {}, .has_secret = has_secret(on)};
  made.warnings = std::move(telemetry.warnings);
  made.target = text_of_target(on);
  warn_of_plain_text(on, made);
  warn_of_content(request, on, made);
  std::vector<Change> changes = TRY(find_changes(on, kind, text, secrets));
  if (kind == Kind::user) take_out_others(on, old, changes, made.taken_out);
  if (TRY(find_value(text, {"otelHeadersHelper"})) && kind == Kind::user)
    made.warnings.emplace_back(
        "otelHeadersHelper stays, and adds headers of its own: take it out if it is of "
        "another collector");
  made.text = TRY(apply_changes(text, changes));
  return made;
}

}  // namespace ostiary::connect
