#include "relay/telemetry_relay.h"

#include <utility>

#include "ostiary/otlp/reserved.h"
#include "relay/own_telemetry.h"

namespace ostiary::relay {
TelemetryRelay::TelemetryRelay(Exporter::Parts parts, std::vector<UniqueFd> listeners,
                               otlp::Identity identity, Collector collector, Spool spool)
    : identity_(std::move(identity)),
      exporter_(parts, std::move(collector), std::move(spool)),
      intake_(parts.loop, std::move(listeners), [this](Post post) { return take(std::move(post)); }) {}

Taken TelemetryRelay::take(Post post) {
  const auto is_forged = otlp::claims_name(post.body, own_name);
  if (!is_forged) return Taken::malformed;
  if (*is_forged) return Taken::reserved;
  auto body = identity_.applied_to(post.body);
  if (!body) return Taken::malformed;
  post.body = *std::move(body);
  if (post.body.empty()) return Taken::yes;
  return exporter_.add(post) ? Taken::yes : Taken::no_room;
}

}  // namespace ostiary::relay
