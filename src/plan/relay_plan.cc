#include "relay_plan.h"

#include <algorithm>

#include "ostiary/base/encoding.h"
#include "ostiary/base/text.h"
#include "rules.h"

namespace ostiary::plan {
namespace {

using relay::CollectorSetup;

constexpr std::string_view instance_id = "service.instance.id";

// Whether the collector has this server and protocol.
bool goes_to(const CollectorSetup& collector, const relay::ServerAddress& server,
             telemetry::Protocol protocol) {
  return collector.server.scheme == server.scheme && collector.server.destination == server.destination &&
         collector.protocol == protocol;
}

void add(Relay& relay, const telemetry::Route& route, telemetry::Compression compression) {
  const relay::ServerAddress server{.scheme = route.endpoint.scheme,
                                    .destination = route.endpoint.destination};
  std::string path = route.endpoint.path.empty() ? "/" : route.endpoint.path;
  for (size_t i = 0; i < relay.setup.collectors.size(); ++i)
    if (CollectorSetup& each = relay.setup.collectors[i];
        goes_to(each, server, route.protocol) && relay.credentials[i].reveal() == route.headers.reveal()) {
      each.paths.emplace(route.signal, std::move(path));
      return;
    }
  relay.setup.collectors.push_back({.server = server,
                                    .authority = inet::authority(server.scheme, server.destination),
                                    .protocol = route.protocol,
                                    .compression = compression,
                                    .paths = {{route.signal, std::move(path)}}});
  relay.credentials.push_back(route.headers.clone());
}

std::string_view value_of(std::span<const telemetry::Variable> variables, std::string_view name) {
  const auto found = std::ranges::find(variables, name, &telemetry::Variable::name);
  return found == variables.end() ? std::string_view() : found->value.reveal();
}

// As Claude Code would send them: OTEL_SERVICE_NAME overrides the attribute.
std::vector<relay::NamedValue> attributes_of(const telemetry::Telemetry& telemetry) {
  std::vector<relay::NamedValue> attributes;
  const std::string_view service = value_of(telemetry.variables(), "OTEL_SERVICE_NAME");
  for (const telemetry::Attribute& each : telemetry.attributes)
    if (each.key != "service.name" || service.empty()) attributes.push_back({each.key, each.value});
  if (!service.empty()) attributes.push_back({"service.name", std::string(service)});
  return attributes;
}

void add(Relay& relay, const telemetry::Telemetry& telemetry, const telemetry::On& on,
         config::Choice sends_audit) {
  for (const telemetry::Route& route : on.routes) add(relay, route, on.compression);
  relay.setup.attributes = attributes_of(telemetry);
  relay.makes_instance_id = std::ranges::find(telemetry.attributes, instance_id,
                                              &telemetry::Attribute::key) == telemetry.attributes.end();
  if (relay.makes_instance_id) relay.setup.attributes.push_back({std::string(instance_id), ""});
  relay.setup.temporality = on.temporality;
  relay.setup.tls_files = on.tls_files;
  relay.setup.spool_octets = relay::limits::spool_octets;
  relay.setup.own_events =
      sends_audit == config::Choice::yes ? relay::OwnEvents::sent : relay::OwnEvents::left_out;
}

// After the collectors: the credentials are in their order.
void add(Relay& relay, relay::Forward forward) {
  relay.setup.forwards.push_back(std::move(forward.setup));
  relay.credentials.push_back(std::move(forward.header_line));
  relay.forwards.push_back(std::move(forward.terms));
}

}  // namespace

// A UUID of version 4.
void set_instance_id(Relay& relay, std::span<const uint8_t, instance_id_octets> random) {
  if (!relay.makes_instance_id) return;
  constexpr size_t version_at = 6;
  constexpr size_t variant_at = 8;
  std::string id;
  for (size_t i = 0; i < random.size(); ++i) {
    if (i == 4 || i == version_at || i == variant_at || i == 10) id += '-';
    unsigned octet = random[i];
    if (i == version_at) octet = (octet & 0x0fU) | 0x40U;
    if (i == variant_at) octet = (octet & 0x3fU) | 0x80U;
    append_hexadecimal(id, static_cast<uint8_t>(octet));
  }
  std::ranges::find(relay.setup.attributes, instance_id, &relay::NamedValue::name)->value = std::move(id);
}

std::optional<Relay> plan_relay(const telemetry::Telemetry& telemetry, config::Choice sends_audit,
                                std::vector<relay::Forward> forwards) {
  const telemetry::On* const on = telemetry.on();
  const bool has_telemetry = on != nullptr && on->road == telemetry::Road::relay;
  if (!has_telemetry && forwards.empty()) return std::nullopt;
  Relay relay;
  if (has_telemetry) add(relay, telemetry, *on, sends_audit);
  for (relay::Forward& each : forwards) add(relay, std::move(each));
  return relay;
}

std::vector<policy::Rule> relayed_rules(const Relay& relay, config::Choice required) {
  std::vector<policy::Rule> rules;
  for (const CollectorSetup& each : relay.setup.collectors) {
    std::vector<std::string> signals;
    for (const auto& [signal, path] : each.paths) signals.emplace_back(text(signal));
    rules.push_back(telemetry_rule(each.server.destination, join(signals, ", "), required));
  }
  for (const relay::ForwardTerms& each : relay.forwards) rules.push_back(each.rule);
  return rules;
}

}  // namespace ostiary::plan
