#include "network_warnings.h"

#include <algorithm>
#include <array>
#include <map>

#include "ostiary/base/escape.h"
#include "ostiary/base/text.h"
#include "ostiary/claude/derive.h"
#include "ostiary/inet/special.h"
#include "ostiary/inet/url.h"

namespace ostiary::plan {
namespace {

using inet::HostName;
using inet::IpAddress;
using policy::Rule;

bool is_loopback(const HostName& name) {
  return name.text() == "localhost" || name.text().ends_with(".localhost");
}

bool is_loopback(const inet::Prefix& network) {
  constexpr uint8_t ipv4_loopback = 8;
  return network.length() >= ipv4_loopback &&
         inet::classify(network.network()) == inet::AddressClass::loopback;
}

bool is_loopback(const IpAddress& address) {
  return is_loopback(inet::Prefix::single(address));
}

bool is_loopback(const policy::Wildcard& wildcard) {
  return is_loopback(wildcard.suffix);
}

template <typename... Kinds>
bool is_loopback(const std::variant<Kinds...>& subject_or_host) {
  return std::visit([](const auto& kind) { return is_loopback(kind); }, subject_or_host);
}

bool opens_loopback(const Plan& plan) {
  return plan.gate && plan.enclosure.scope.holds_everybody;
}

// Whether the subject of a rule names this host.
struct Names {
  const inet::Host& host;

  bool operator()(const HostName& name) const {
    const auto* asked = std::get_if<HostName>(&host);
    return asked != nullptr && asked->text() == name.text();
  }
  bool operator()(const policy::Wildcard& wildcard) const {
    const auto* asked = std::get_if<HostName>(&host);
    return asked != nullptr && asked->text().ends_with("." + wildcard.suffix.text());
  }
  bool operator()(const inet::Prefix& network) const {
    const auto* asked = std::get_if<IpAddress>(&host);
    return asked != nullptr && network.contains(*asked);
  }
};

bool opens(const Rule& rule, const inet::Destination& destination) {
  return rule.protocol != policy::Protocol::udp && rule.ports.contains(destination.port) &&
         std::visit(Names{destination.host}, rule.subject);
}

// ---- proxies

struct Proxy {
  inet::Destination server;
  policy::Named tls;
  auto operator<=>(const Proxy&) const = default;
};

// The host and port of "http://USER:PASSWORD@HOST:PORT/", and no other part of it.
std::optional<Proxy> find_proxy(std::string_view url) {
  constexpr uint16_t socks_port = 1080;
  const auto scheme = inet::parse_scheme(inet::take_scheme(url).value_or("http"));
  url.remove_prefix(url.rfind('@') + 1);  // npos + 1 is 0
  auto authority = inet::parse_authority(url.substr(0, url.find_first_of("/?#")));
  if (!authority) return std::nullopt;
  const uint16_t implied = scheme ? inet::default_port(*scheme) : socks_port;
  return Proxy{.server = {std::move(authority->host), authority->port.value_or(implied)},
               .tls = policy::tls_of(scheme.value_or(inet::Scheme::http))};
}

// "proxy.example:3128", or with a word behind it if the port alone would say otherwise.
std::string entry_for(const Proxy& proxy) {
  const std::string written =
      text(Rule{.subject = policy::subject_of(proxy.server.host),
                .ports = inet::PortSet(proxy.server.port),
                .tls = proxy.tls,
                .http = policy::Named::nowhere,  // a proxy's requests name other hosts
                .reason = {}});
  return written.ends_with("/tcp") ? inet::text(proxy.server) : written;
}

std::string state_of_proxy(const Plan& plan, const Proxy& proxy) {
  if (opens_loopback(plan) && is_loopback(proxy.server.host)) return ", on loopback, which needs no rule";
  const bool is_tls = proxy.tls == policy::Named::everywhere;
  std::string_view state = ", which no rule opens: write --allow ";
  for (const Rule& rule : rules_of(plan)) {
    if (!opens(rule, proxy.server)) continue;
    const bool for_requests = named_in_http(rule).contains(proxy.server.port);
    if (!for_requests && (is_tls || !named_in_tls(rule).contains(proxy.server.port)))
      return ", which a rule opens";
    state = for_requests ? ", which rules open for requests to the proxy's own name alone: write --allow "
                         : ", which rules open for TLS alone: write --allow ";
  }
  return std::string(state) + entry_for(proxy) + ", or take out the variable";
}

void warn_of_proxies(Plan& plan) {
  constexpr auto variables = std::to_array<std::string_view>(
      {"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"});
  std::map<std::optional<Proxy>, std::vector<std::string_view>> proxies;
  for (const std::string_view variable : variables)
    if (const std::string_view url = plan.agent.environment.agent.get(variable); !url.empty())
      proxies[find_proxy(url)].push_back(variable);
  for (const auto& [proxy, names] : proxies)
    plan.warnings.push_back(
        join(names, ", ") + (names.size() == 1 ? " names " : " name ") +
        (proxy ? "the proxy " + inet::text(proxy->server) + state_of_proxy(plan, *proxy)
               : std::string("a proxy without a host that can be read: write it like http://HOST:PORT")) +
        ". A proxy that reaches every host undoes the policy: let it reach no other hosts than the policy");
}

// ---- loopback

bool is_of_telemetry(const Rule& rule) {
  return rule.reason.starts_with("telemetry: ");
}

void warn_of_loopback(Plan& plan, const config::Config& config) {
  const bool in_a_pod =
      platform::is_in_a_pod([&config](std::string_view name) { return config.environment.get(name); });
  for (const Rule& rule : rules_of(plan)) {
    if (!is_loopback(rule.subject)) continue;
    if (!is_of_telemetry(rule))
      plan.warnings.push_back(text(rule) + " (" + escape_controls(rule.reason) +
                              ") is loopback, which is open in container scope: leave it out");
    else if (!in_a_pod)
      plan.warnings.push_back(
          "telemetry goes to " + text(rule).substr(0, text(rule).rfind('/')) +
          ", and that is this container itself: for a collector elsewhere write its host");
  }
}

// ---- the relay's servers

struct RelaysServer {
  const std::string& authority;
  const inet::Destination& destination;
  std::string setting;  // what names its host
};

std::vector<RelaysServer> servers_of_relay(const Plan& plan) {
  std::vector<RelaysServer> servers;
  if (!plan.relay) return servers;
  for (const relay::CollectorSetup& each : plan.relay->setup.collectors)
    servers.push_back({each.authority, each.server.destination, "the endpoint's host"});
  for (size_t i = 0; i < plan.relay->forwards.size(); ++i) {
    const relay::ForwardSetup& each = plan.relay->setup.forwards[i];
    servers.push_back(
        {each.authority, each.server.destination, "the host of " + plan.relay->forwards[i].host_setting});
  }
  return servers;
}

// ---- names of /etc/hosts

// "192.0.2.80:4318", as an entry of --allow.
std::string entry_for(const Rule& rule, const IpAddress& address) {
  const std::string written = text(Rule{.subject = inet::Prefix::single(address),
                                        .ports = rule.ports,
                                        .protocol = rule.protocol,
                                        .reason = {}});
  return rule.protocol == policy::Protocol::tcp ? written.substr(0, written.rfind('/')) : written;
}

void warn_of_known_hosts(Plan& plan, std::span<const platform::KnownHost> known_hosts) {
  for (const auto& [authority, destination, setting] : servers_of_relay(plan))
    for (const platform::KnownHost& known : known_hosts)
      if (destination.host == inet::Host(known.name))
        plan.warnings.push_back(authority + " is " + known.address.text() +
                                " in /etc/hosts, which ostiary does not read: write the address as " +
                                setting + ", if no DNS server knows the name");
  for (const Rule& rule : rules_of(plan)) {
    const auto leads_elsewhere = [&](const platform::KnownHost& each) {
      return std::visit(Names{each.name}, rule.subject) &&
             !(opens_loopback(plan) && is_loopback(each.address));
    };
    const auto known = std::ranges::find_if(known_hosts, leads_elsewhere);
    if (known == known_hosts.end()) continue;
    plan.warnings.push_back(
        inet::text(known->name) + " (" + escape_controls(rule.reason) + ") is " + known->address.text() +
        " in /etc/hosts, which ostiary does not read: write --allow " + entry_for(rule, known->address));
  }
}

// ---- endpoints of telemetry

std::string_view without_slashes(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

void warn_of_gateway(Plan& plan, const config::GrafanaCloud& grafana) {
  const auto endpoint = telemetry::parse_endpoint(
      grafana.endpoint->value.reveal(), telemetry::Protocol::http_protobuf, telemetry::EndpointUse::base);
  if (!endpoint) return;
  const std::string& origin = grafana.endpoint->origin;
  const std::string host = inet::text(endpoint->destination.host);
  if (!host.starts_with("otlp-gateway-")) {
    plan.warnings.push_back(origin + ": " + host +
                            " is no OTLP gateway of Grafana Cloud, such as "
                            "otlp-gateway-prod-eu-west-0.grafana.net: for another collector write its URL in "
                            "OTEL_EXPORTER_OTLP_ENDPOINT");
    return;
  }
  if (without_slashes(endpoint->path).ends_with("/otlp")) return;
  telemetry::Endpoint meant = *endpoint;
  meant.path = "/otlp";
  plan.warnings.push_back(origin + ": has no /otlp at its end: write " + text(meant));
}

void warn_of_signals(Plan& plan) {
  for (const telemetry::Route& route : plan.telemetry.routes()) {
    if (route.protocol == telemetry::Protocol::grpc || !without_slashes(route.endpoint.path).empty())
      continue;
    plan.warnings.push_back(telemetry::otlp_variable(route.signal, "ENDPOINT") +
                            ": has no path, and is used as it is: write " +
                            text(telemetry::signal_endpoint(route.endpoint, route.protocol, route.signal)));
  }
}

// ostiary itself opens the API, so no rule can be taken out.
std::string cure_for(const Rule& rule) {
  return rule.reason == claude::api_reason
             ? "write --api-relay on in place of your own relay for it, or --no-derive"
             : "take out that rule";
}

// The relay's servers are closed to the agent, so that a token from elsewhere is of no use there.
void warn_of_open_servers(Plan& plan) {
  for (const RelaysServer& each : servers_of_relay(plan))
    for (const Rule& rule : rules_of(plan))
      if (opens(rule, each.destination))
        plan.warnings.push_back(escape_controls(rule.reason) + " opens " + inet::text(each.destination) +
                                " to the agent, which the relay reaches for it: " + cure_for(rule));
}

}  // namespace

void add_network_warnings(Plan& plan, const config::Config& config,
                          std::span<const platform::KnownHost> known_hosts) {
  if (plan.gate) warn_of_proxies(plan);
  if (opens_loopback(plan)) warn_of_loopback(plan, config);
  warn_of_known_hosts(plan, known_hosts);
  warn_of_open_servers(plan);
  const auto* telemetry = plan.telemetry.on();
  if (telemetry == nullptr) return;
  if (telemetry->source == config::TelemetrySource::grafana_cloud) warn_of_gateway(plan, config.grafana);
  warn_of_signals(plan);
}

}  // namespace ostiary::plan
