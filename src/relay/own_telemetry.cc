#include "relay/own_telemetry.h"

#include <utility>

#include "ostiary/base/text.h"

namespace ostiary::relay {
namespace {

constexpr std::chrono::minutes metrics_interval{1};

}  // namespace

std::vector<otlp::Attribute> own_attributes(std::span<const otlp::Attribute> of_agent) {
  std::vector<otlp::Attribute> own;
  for (const otlp::Attribute& each : of_agent)
    if (each.key != "service.name") own.push_back(each);
  own.push_back({"service.name", std::string(own_name)});
  return own;
}

OwnTelemetry::OwnTelemetry(Parts parts, std::span<const otlp::Attribute> attributes_of_agent,
                           std::string version)
    : parts_(std::move(parts)),
      identity_(own_attributes(attributes_of_agent)),
      scope_{.name = std::string(own_name), .version = std::move(version)},
      start_(nanoseconds_of(parts_.wall_clock())),
      records_(parts_.loop, sessions_, parts_.wall_clock, scope_,
               [this](const std::string& request) { deliver(telemetry::Signal::logs, request); }),
      metrics_are_due_(parts_.loop, [this] { deliver_metrics(); }) {
  metrics_are_due_.set(parts_.loop.now() + metrics_interval);
}

void OwnTelemetry::take_lines(std::string_view lines) {
  while (!lines.empty()) {
    const std::string_view each = take_until(lines, '\n');
    if (each.empty()) continue;
    const auto line = read_audit_line(each);
    if (!line) {
      records_.add_unreadable();
      continue;
    }
    metrics_.count(*line);
    records_.add(*line);
  }
}

void OwnTelemetry::flush() {
  records_.flush();
  deliver_metrics();
}

void OwnTelemetry::deliver_metrics() {
  metrics_are_due_.set(parts_.loop.now() + metrics_interval);
  const uint64_t now = nanoseconds_of(parts_.wall_clock());
  deliver(telemetry::Signal::metrics,
          metrics_.request(scope_, parts_.queue(),
                           {.start = start_, .end = now, .temporality = parts_.temporality}));
  if (parts_.temporality == otlp::Temporality::cumulative) return;
  metrics_.begin_anew();
  start_ = now;
}

void OwnTelemetry::deliver(telemetry::Signal signal, const std::string& request) {
  if (auto body = identity_.applied_to(request)) parts_.deliver({.signal = signal, .body = *std::move(body)});
}

}  // namespace ostiary::relay
