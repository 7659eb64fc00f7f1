#include "relay/telemetry_relay.h"

#include <algorithm>
#include <utility>

#include "relay/limits.h"

namespace ostiary::relay {

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
                                                    std::move(each.collector), parts.max_spooled_octets));
}

size_t TelemetryRelay::waiting_posts() const {
  size_t posts = 0;
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
  auto body = identity_.applied_to(post.body);
  if (!body) return Taken::malformed;
  post.body = *std::move(body);
  if (!post.body.empty()) exporter->add(std::move(post));
  return Taken::yes;
}

}  // namespace ostiary::relay
