#include "relay/telemetry_relay.h"

#include <utility>

#include "relay/limits.h"

namespace ostiary::relay {

TelemetryRelay::TelemetryRelay(Exporter::Parts parts, std::vector<UniqueFd> listeners,
                               otlp::Identity identity, Collector collector)
    : identity_(std::move(identity)),
      exporter_(parts, std::move(collector), limits::spool_octets),
      intake_(parts.loop, std::move(listeners), [this](Post post) { return take(std::move(post)); }) {}

Taken TelemetryRelay::take(Post post) {
  auto body = identity_.applied_to(post.body);
  if (!body) return Taken::malformed;
  post.body = *std::move(body);
  if (!post.body.empty()) exporter_.add(std::move(post));
  return Taken::yes;
}

}  // namespace ostiary::relay
