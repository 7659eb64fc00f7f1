#include "relay/service.h"

#include <algorithm>
#include <utility>

#include "ostiary/base/text.h"

namespace ostiary::relay {
namespace {

otlp::Identity identity_of(const Setup& setup) {
  std::vector<otlp::Attribute> attributes;
  for (const auto& [name, value] : setup.attributes) attributes.push_back({.key = name, .value = value});
  return otlp::Identity(attributes);
}

// For messages. Collectors at one server are told apart by their signals.
std::string name_of(const Setup& setup, const CollectorSetup& collector) {
  if (std::ranges::count(setup.collectors, collector.authority, &CollectorSetup::authority) == 1)
    return collector.authority;
  std::vector<std::string_view> signals;
  for (const auto& [signal, path] : collector.paths) signals.push_back(telemetry::text(signal));
  return collector.authority + " (" + join(signals, ", ") + ")";
}

std::vector<UniqueFd> one(UniqueFd listener) {
  std::vector<UniqueFd> listeners;
  listeners.push_back(std::move(listener));
  return listeners;
}

}  // namespace

Service::Service(Parts parts, Credentials credentials, UniqueFd listener, UniqueFd gate,
                 uint32_t first_connection)
    : parts_(std::move(parts)),
      gate_(parts_.loop, std::move(gate), first_connection),
      reporter_(parts_.loop, parts_.send),
      telemetry_({.loop = parts_.loop,
                  .trust = parts_.trust,
                  .random = parts_.random,
                  .max_spooled_octets = parts_.setup.spool_octets},
                 one(std::move(listener)), identity_of(parts_.setup), destinations(std::move(credentials))),
      drain_limit_(parts_.loop, [this] { end_drain(); }) {}

std::vector<Destination> Service::destinations(Credentials credentials) {
  std::vector<Destination> all;
  for (uint32_t i = 0; i < parts_.setup.collectors.size(); ++i) {
    const CollectorSetup& each = parts_.setup.collectors[i];
    all.push_back(
        {.collector = {.destination = each.server.destination,
                       .is_tls = each.server.scheme == inet::Scheme::https,
                       .authority = each.authority,
                       .paths = each.paths,
                       .header_lines = std::move(credentials[i])},
         .connect = [this, i](GateLink::Connected connected) { gate_.connect(i, std::move(connected)); },
         .report = [this, name = name_of(parts_.setup, each)](const Report& report) { take(name, report); }});
  }
  return all;
}

Result<> Service::start() {
  TRY(gate_.start());
  return telemetry_.start();
}

void Service::take(const std::string& collector, const Report& report) {
  reporter_.take(collector, report);
  // The exporter takes note of the post's end after its report.
  if (drains_) drain_limit_.set(telemetry_.is_done() ? parts_.loop.now() : drain_deadline_);
}

void Service::drain(Drain drain) {
  drains_ = true;
  drain_deadline_ = parts_.loop.now() + drain.time_limit;
  drain_limit_.set(telemetry_.is_done() ? parts_.loop.now() : drain_deadline_);
}

void Service::end_drain() {
  drains_ = false;
  reporter_.flush();
  parts_.send({.kind = Message::Kind::drained, .number = static_cast<uint32_t>(telemetry_.waiting_posts())});
}

}  // namespace ostiary::relay
