#include "relay/telemetry_relay.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "ostiary/otlp/reserved.h"

namespace ostiary::relay {
namespace {

// The scope and the service of the telemetry that the relay itself makes.
constexpr std::string_view own_name = "ostiary";

}  // namespace

TelemetryRelay::TelemetryRelay(const Parts& parts, std::vector<UniqueFd> listeners, otlp::Identity identity,
                               std::vector<Destination> destinations)
    : identity_(std::move(identity)),
      intake_(parts.loop, std::move(listeners), [this](Post post) { return take(std::move(post)); }) {
  for (Destination& each : destinations)
    exporters_.push_back(std::make_unique<Exporter>(Exporter::Parts{.loop = parts.loop,
                                                                    .trust = parts.trust,
                                                                    .connect = std::move(each.connect),
                                                                    .random = parts.random,
                                                                    .report = std::move(each.report)},
                                                    std::move(each.collector), std::move(each.spool)));
}

uint64_t TelemetryRelay::waiting_posts() const {
  uint64_t posts = 0;
  for (const auto& each : exporters_) posts += each->waiting_posts();
  return posts;
}

Exporter* TelemetryRelay::exporter_of(telemetry::Signal signal) const {
  const auto found =
      std::ranges::find_if(exporters_, [signal](const auto& each) { return each->serves(signal); });
  return found == exporters_.end() ? nullptr : found->get();
}

Taken TelemetryRelay::take(Post post) {
  Exporter* const exporter = exporter_of(post.signal);
  if (exporter == nullptr) return Taken::unwanted;
  const auto is_forged = otlp::claims_name(post.body, own_name);
  if (!is_forged) return Taken::malformed;
  if (*is_forged) return Taken::reserved;
  auto body = identity_.applied_to(post.body);
  if (!body) return Taken::malformed;
  post.body = *std::move(body);
  if (post.body.empty()) return Taken::yes;
  return exporter->add(std::move(post)) ? Taken::yes : Taken::no_room;
}

}  // namespace ostiary::relay
