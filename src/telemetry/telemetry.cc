#include "ostiary/telemetry/telemetry.h"

#include <algorithm>
#include <array>

#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"
#include "ostiary/inet/destination.h"
#include "road.h"
#include "source.h"
#include "telemetry/headers.h"

namespace ostiary::telemetry {
namespace {

using config::Config;
using config::TelemetrySource;

constexpr std::string_view attributes_variable = "OTEL_RESOURCE_ATTRIBUTES";
constexpr std::string_view service_variable = "OTEL_SERVICE_NAME";
constexpr std::string_view enable_variable = "CLAUDE_CODE_ENABLE_TELEMETRY";
constexpr std::string_view temporality_variable = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
constexpr std::array<std::string_view, 3> selectors{"OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER",
                                                    "OTEL_LOGS_EXPORTER"};
constexpr std::array<std::string_view, 3> routing{"ENDPOINT", "PROTOCOL", "HEADERS"};

// If both are set, Claude Code sends traces and logs there instead, including the headers.
constexpr std::array<std::string_view, 2> second_endpoint{"BETA_TRACING_ENDPOINT",
                                                          "ENABLE_BETA_TRACING_DETAILED"};
// Both spellings are valid, and programs differ in which one they prefer.
struct ProxyVariable {
  std::string_view upper;
  std::string_view lower;
};
constexpr std::array proxy_variables{
    ProxyVariable{"HTTPS_PROXY", "https_proxy"}, ProxyVariable{"HTTP_PROXY", "http_proxy"},
    ProxyVariable{"ALL_PROXY", "all_proxy"},     ProxyVariable{"GRPC_PROXY", "grpc_proxy"},
    ProxyVariable{"NO_PROXY", "no_proxy"},       ProxyVariable{"NO_GRPC_PROXY", "no_grpc_proxy"}};

constexpr std::string_view prompts_variable = "OTEL_LOG_USER_PROMPTS";
constexpr std::string_view responses_variable = "OTEL_LOG_ASSISTANT_RESPONSES";

// The switches for the content of the conversation. A user who sets Grafana Cloud's credentials
// wants to see prompts and tools. Any other collector gets no content unless the user enables it.
// docs/configuration.md describes the defaults.
struct ContentSwitch {
  std::string_view name;
  std::string_view grafana_cloud;
  std::string_view others;
};
constexpr std::array content_switches{
    ContentSwitch{prompts_variable, "1", "0"},          ContentSwitch{responses_variable, "1", "0"},
    ContentSwitch{"OTEL_LOG_TOOL_DETAILS", "1", "0"},   ContentSwitch{"OTEL_LOG_TOOL_CONTENT", "0", "0"},
    ContentSwitch{"OTEL_LOG_RAW_API_BODIES", "0", "0"},
};

// Sets the default port for the protocol, because a signal may override the protocol of the base.
Endpoint for_protocol(Endpoint base, Protocol protocol) {
  if (base.port_form == PortForm::written) return base;
  const uint16_t scheme_port = inet::default_port(base.scheme);
  base.destination.port = protocol == Protocol::grpc ? 4317 : scheme_port;
  return base;
}

std::vector<Route> find_routes(const SourceSettings& settings) {
  std::vector<Route> routes;
  for (const Signal signal : all_signals) {
    const Target& own = settings.by_signal.at(static_cast<size_t>(signal));
    const Protocol protocol = own.protocol.value_or(*settings.base.protocol);
    const std::optional<Secret>& headers = own.headers ? own.headers : settings.base.headers;
    const auto add = [&](Endpoint endpoint) {
      routes.push_back({signal, protocol, std::move(endpoint), headers ? header_lines(*headers) : Secret()});
    };
    if (own.endpoint)
      add(*own.endpoint);
    else if (settings.base.endpoint)
      add(signal_endpoint(for_protocol(*settings.base.endpoint, protocol), protocol, signal));
  }
  return routes;
}

// Whether the user chose only exporters other than otlp for the signal. Then it has no route.
bool is_exported_elsewhere(const Config& config, Signal signal) {
  const std::string_view chosen = config.environment.get(selectors.at(static_cast<size_t>(signal)));
  return !chosen.empty() && !chosen.contains("otlp");
}

// Returns the reason if the exporter of every signal is none, and otherwise an empty text.
std::string switched_off_by_exporters(const Config& config) {
  const auto is_none = [&config](std::string_view selector) {
    return config.environment.get(selector) == "none";
  };
  return std::ranges::all_of(selectors, is_none) ? "the value none in " + join(selectors, ", ")
                                                 : std::string();
}

bool brings_metrics_to_grafana_cloud(const Route& route) {
  if (route.signal != Signal::metrics) return false;
  const std::string host = inet::text(route.endpoint.destination.host);
  return host.ends_with(".grafana.net");
}

// Builds the list of variables.
class Writer {
 public:
  Writer(const Config& config, std::vector<Variable>& variables) : config_(config), variables_(variables) {}

  void set(std::string_view name, std::string_view value, std::string_view source) {
    variables_.push_back({std::string(name), Secret(std::string(value)), Secrecy::open, std::string(source)});
  }
  void set_secret(std::string_view name, const Secret& value, std::string_view source) {
    variables_.push_back({std::string(name), value.clone(), Secrecy::secret, std::string(source)});
  }
  // The container's own variable overrides the standard value. Returns the value that was set.
  std::string_view set_unless_given(std::string_view name, std::string_view standard) {
    const std::string_view given = config_.environment.get(name);
    set(name, given.empty() ? standard : given, given.empty() ? "default" : "environment");
    return given.empty() ? standard : given;
  }

 private:
  const Config& config_;
  std::vector<Variable>& variables_;
};

void write_switches(Writer& writer, const Config& config, std::span<const Route> routes,
                    std::vector<std::string>& warnings) {
  writer.set(enable_variable, "1", "ostiary");
  if (const std::string_view own = config.environment.get(enable_variable);
      !own.empty() && own != "1" && own != "true")
    warnings.push_back(
        std::string(enable_variable) +
        " is overridden because telemetry is configured: to switch it off, write --telemetry off");
  writer.set_unless_given("CLAUDE_CODE_ENHANCED_TELEMETRY_BETA", "1");
  for (const Signal signal : all_signals) {
    const bool routed = std::ranges::any_of(routes, [&](const Route& r) { return r.signal == signal; });
    const std::string_view selector = selectors.at(static_cast<size_t>(signal));
    if (!routed && !is_exported_elsewhere(config, signal)) {
      writer.set(selector, "none", "no endpoint");
      continue;
    }
    writer.set_unless_given(selector, "otlp");
    if (!routed)
      warnings.push_back(std::string(selector) + " does not include otlp: no " + std::string(text(signal)) +
                         " will be exported");
  }
}

// In the form that Claude Code reads for the protocol.
Secret headers_for(const Secret& headers, Protocol protocol) {
  return protocol == Protocol::grpc ? escape_for_grpc(headers) : headers.clone();
}

// Whether the signal needs headers of its own beside those of the base.
bool needs_own_headers(const Target& base, const Target& own, Protocol protocol) {
  if (own.headers) return true;
  return base.headers &&
         headers_for(*base.headers, *base.protocol).reveal() != headers_for(*base.headers, protocol).reveal();
}

void write_targets(Writer& writer, const SourceSettings& settings, std::span<const Route> routes) {
  const Target& base = settings.base;
  writer.set(otlp_variable({}, "PROTOCOL"), text(*base.protocol), settings.origin);
  if (base.endpoint) writer.set(otlp_variable({}, "ENDPOINT"), text(*base.endpoint), settings.origin);
  if (base.headers)
    writer.set_secret(otlp_variable({}, "HEADERS"), headers_for(*base.headers, *base.protocol),
                      settings.origin);
  for (const Signal signal : all_signals) {
    const Target& own = settings.by_signal.at(static_cast<size_t>(signal));
    const auto route = std::ranges::find(routes, signal, &Route::signal);
    if (route == routes.end()) continue;
    if (own.protocol || own.endpoint) {
      writer.set(otlp_variable(signal, "PROTOCOL"), text(route->protocol), settings.origin);
      writer.set(otlp_variable(signal, "ENDPOINT"), text(route->endpoint), settings.origin);
    }
    if (needs_own_headers(base, own, route->protocol))
      writer.set_secret(otlp_variable(signal, "HEADERS"),
                        headers_for(own.headers ? *own.headers : *base.headers, route->protocol),
                        settings.origin);
  }
}

Endpoint relay_endpoint() {
  return {.scheme = inet::Scheme::http,
          .destination = {.host = inet::IpAddress::loopback(inet::Family::ipv4), .port = relay_port},
          .path = {},
          .port_form = PortForm::written};
}

// To the relay, which knows the collectors.
void write_relay_as_target(Writer& writer) {
  constexpr std::string_view source = "relay";
  writer.set(otlp_variable({}, "PROTOCOL"), text(Protocol::http_protobuf), source);
  writer.set(otlp_variable({}, "ENDPOINT"), text(relay_endpoint()), source);
  writer.set(otlp_variable({}, "COMPRESSION"), "none", source);
}

bool is_for_grafana_cloud(const On& on) {
  return std::ranges::any_of(on.routes, brings_metrics_to_grafana_cloud) ||
         on.source == TelemetrySource::grafana_cloud;
}

// As Claude Code reads it. `lowmemory` means deltas of what it exports.
Temporality parse_temporality(std::string_view text) {
  if (equal_ignoring_case(text, "cumulative")) return Temporality::cumulative;
  return equal_ignoring_case(text, "delta") || equal_ignoring_case(text, "lowmemory") ? Temporality::delta
                                                                                      : Temporality::unstated;
}

// The relay sums deltas, over all processes of the agent: their own sums would collide, and begin at zero with
// each of them.
void write_temporality(Writer& writer, const Config& config, On& on, std::vector<std::string>& warnings) {
  const bool grafana = is_for_grafana_cloud(on);
  const std::string_view given = config.environment.get(temporality_variable);
  const std::string_view wanted = given.empty() && grafana ? "cumulative" : given;
  on.temporality = parse_temporality(wanted);
  if (grafana && on.temporality != Temporality::cumulative)
    warnings.push_back(std::string(temporality_variable) +
                       " is not cumulative: Grafana Cloud refuses such metrics");
  if (!given.empty() && on.temporality == Temporality::unstated)
    warnings.push_back(std::string(temporality_variable) + ": " + quote_refused(given) +
                       " is none that Claude Code knows: write cumulative, delta or lowmemory");
  if (on.road == Road::relay && (wanted.empty() || on.temporality == Temporality::cumulative))
    writer.set(temporality_variable, "delta", "relay");
  else if (!wanted.empty())
    writer.set_unless_given(temporality_variable, wanted);
}

void write_attributes(Writer& writer, const Config& config, std::span<const Attribute> attributes) {
  if (!attributes.empty()) writer.set(attributes_variable, encode_attributes(attributes), "merged");
  const bool named =
      std::ranges::any_of(attributes, [](const Attribute& a) { return a.key == "service.name"; });
  if (!named || !config.environment.get(service_variable).empty())
    writer.set_unless_given(service_variable, "claude-code");
}

// Leaves out a proxy that the container sets: it may be the only way out of the network, and its
// URL may hold a password.
std::vector<std::string> find_detours(const Config& config) {
  std::vector<std::string> detours(second_endpoint.begin(), second_endpoint.end());
  for (const ProxyVariable& proxy : proxy_variables) {
    if (!config.environment.get(proxy.upper).empty() || !config.environment.get(proxy.lower).empty())
      continue;
    detours.emplace_back(proxy.upper);
    detours.emplace_back(proxy.lower);
  }
  return detours;
}

void warn_of_likely_mistakes(std::span<const Route> routes, std::vector<std::string>& warnings) {
  for (const Route& route : routes)
    if (route.protocol != Protocol::grpc && route.endpoint.destination.port == 4317) {
      warnings.push_back("port 4317 is usually for gRPC, but the protocol is " +
                         std::string(text(route.protocol)) +
                         ": if no telemetry arrives, set OTEL_EXPORTER_OTLP_PROTOCOL=grpc");
      return;
    }
}

// By default the responses follow the prompts, as in Claude Code: a user who disables prompts also
// means the responses.
void write_content_switches(Writer& writer, TelemetrySource source) {
  std::string_view prompts;
  for (const ContentSwitch& each : content_switches) {
    std::string_view standard = source == TelemetrySource::grafana_cloud ? each.grafana_cloud : each.others;
    if (each.name == responses_variable) standard = prompts;
    const std::string_view holds = writer.set_unless_given(each.name, standard);
    if (each.name == prompts_variable) prompts = holds;
  }
}

Result<On> plan_on(const Config& config, TelemetrySource source, std::span<const Attribute> attributes,
                   std::vector<std::string>& warnings) {
  const SourceSettings settings = TRY(read_source(source, config));
  On on{.source = source, .routes = find_routes(settings), .detours = find_detours(config)};
  std::erase_if(on.routes, [&](const Route& route) { return is_exported_elsewhere(config, route.signal); });
  TRY(choose_road(config, on, warnings));
  if (on.road == Road::relay) std::ranges::move(relay_detours(), std::back_inserter(on.detours));
  Writer writer(config, on.variables);
  write_switches(writer, config, on.routes, warnings);
  if (on.road == Road::relay)
    write_relay_as_target(writer);
  else
    write_targets(writer, settings, on.routes);
  write_temporality(writer, config, on, warnings);
  write_content_switches(writer, source);
  write_attributes(writer, config, attributes);
  warn_of_likely_mistakes(on.routes, warnings);
  return on;
}

Result<std::vector<Attribute>> check_map(const std::vector<config::NamedText>& map) {
  std::vector<Attribute> attributes;
  for (const config::NamedText& entry : map) {
    auto attribute = check_attribute(entry.name, entry.text, entry.origin);
    if (!attribute) return std::unexpected(std::move(attribute).error().within(entry.origin));
    attributes.push_back(std::move(*attribute));
  }
  return attributes;
}

Result<std::vector<Attribute>> collect_attributes(const Config& config, std::optional<TelemetrySource> source,
                                                  std::vector<Attribute> automatic) {
  std::vector<std::vector<Attribute>> weakest_first{std::move(automatic),
                                                    TRY(check_map(config.policy_attributes))};
  if (source == TelemetrySource::module && config.module)
    weakest_first.push_back(TRY(check_map(config.module->resource_attributes)));
  auto users = parse_attributes(config.environment.get(attributes_variable), attributes_variable);
  if (!users) return std::unexpected(std::move(users).error().within(attributes_variable));
  weakest_first.push_back(std::move(*users));
  return merge(std::move(weakest_first));
}

// Returns the reason that telemetry is switched off, or an empty text.
std::string find_off_reason(TelemetrySource source, const Config& config) {
  if (source == TelemetrySource::off) {
    const auto given = config.given.find("telemetry_source");
    return given == config.given.end() ? "off" : given->second.origin;
  }
  if (source == TelemetrySource::module && config.module && config.module->enabled == config::Choice::no)
    return "\"enabled\": false in " + config.module->origin;
  return switched_off_by_exporters(config);
}

// The variables of the container that the agent must not inherit.
std::vector<std::string> find_withheld(const Config& config, const Telemetry& telemetry) {
  std::vector<std::string> withheld;
  if (std::holds_alternative<NotConfigured>(telemetry.state)) return withheld;
  const bool is_relayed = telemetry.on() != nullptr && telemetry.on()->road == Road::relay;
  for (const std::string_view entry : config.environment.entries()) {
    const std::string_view name = config::name_of(entry);
    const bool replaced =
        std::ranges::any_of(telemetry.variables(), [&](const Variable& v) { return v.name == name; });
    const bool is_unwanted = routes_telemetry(name) || (is_relayed && is_of_connection(name));
    if (is_unwanted && !replaced && std::ranges::find(withheld, name) == withheld.end())
      withheld.emplace_back(name);
  }
  return withheld;
}

Result<State> find_state(const Config& config, TelemetrySource source, std::span<const Attribute> attributes,
                         std::vector<std::string>& warnings) {
  if (std::string reason = find_off_reason(source, config); !reason.empty())
    return SwitchedOff{.source = source, .reason = std::move(reason)};
  if (auto missing = missing_from(source, config); !missing.empty())
    return Incomplete{.source = source, .missing = std::move(missing)};
  return TRY(plan_on(config, source, attributes, warnings));
}

struct Name {
  std::string_view operator()(const NotConfigured&) const { return "not-configured"; }
  std::string_view operator()(const SwitchedOff&) const { return "switched-off"; }
  std::string_view operator()(const Incomplete&) const { return "incomplete"; }
  std::string_view operator()(const On&) const { return "on"; }
};

}  // namespace

std::string_view text(const State& state) {
  return std::visit(Name{}, state);
}

AgentsTarget agents_target(const On& on, const Route& route) {
  if (on.road == Road::direct) return {.protocol = route.protocol, .endpoint = route.endpoint};
  return {.protocol = Protocol::http_protobuf,
          .endpoint = signal_endpoint(relay_endpoint(), Protocol::http_protobuf, route.signal)};
}

TelemetrySource Telemetry::source() const {
  return std::visit([](const auto& each) { return each.source; }, state);
}

std::span<const Route> Telemetry::routes() const {
  return on() != nullptr ? std::span<const Route>(on()->routes) : std::span<const Route>();
}

std::span<const Variable> Telemetry::variables() const {
  return on() != nullptr ? std::span<const Variable>(on()->variables) : std::span<const Variable>();
}

bool routes_telemetry(std::string_view name) {
  return name == enable_variable || std::ranges::find(selectors, name) != selectors.end() ||
         is_otlp_variable(name, routing);
}

Result<Telemetry> plan_telemetry(const Config& config, PlatformAttributes platform) {
  const auto source = TRY(find_source(config));
  Telemetry telemetry;
  telemetry.platforms = std::move(platform.platforms);
  telemetry.attributes = TRY(collect_attributes(config, source, std::move(platform.attributes)));
  if (!source) return telemetry;
  telemetry.state = TRY(find_state(config, *source, telemetry.attributes, telemetry.warnings));
  telemetry.withheld = find_withheld(config, telemetry);
  return telemetry;
}

}  // namespace ostiary::telemetry
