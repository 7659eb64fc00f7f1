#include "relay/telemetry_relay.h"

#include <utility>

#include "ostiary/otlp/reserved.h"

namespace ostiary::relay {
namespace {

// As an attribute of the metric ostiary.relay.posts. Empty: the exporter reports what becomes of it.
std::string_view refusal(Taken taken) {
  switch (taken) {
    case Taken::yes:
      return {};
    case Taken::malformed:
      return "malformed";
    case Taken::reserved:
      return "reserved";
    case Taken::not_exported:
      return "not_exported";
    case Taken::no_room:
      return "no_room";
  }
  return {};
}

}  // namespace

TelemetryRelay::TelemetryRelay(Exporter::Parts parts, std::vector<UniqueFd> listeners, Sender sender,
                               Collector collector, Spool spool)
    : identity_(sender.attributes),
      exporter_(counting(parts), std::move(collector), std::move(spool)),
      own_({.loop = parts.loop,
            .wall_clock = std::move(sender.wall_clock),
            .queue =
                [this] {
                  return OwnMetrics::Queue{.octets = exporter_.spool().octets(),
                                           .posts = exporter_.spool().posts()};
                },
            .deliver = [this](const Post& post) { add_own(post); }},
           sender.attributes, std::move(sender.version)),
      intake_(parts.loop, std::move(listeners), [this](Post post) { return take(std::move(post)); }) {}

Exporter::Parts TelemetryRelay::counting(Exporter::Parts parts) {
  parts.report = [this, report = std::move(parts.report)](const Report& each) {
    own_.count(each);
    report(each);
  };
  return parts;
}

Taken TelemetryRelay::take(Post post) {
  Taken taken = judge(post);
  if (taken == Taken::yes && !post.body.empty()) {
    own_.see(post);
    if (!exporter_.add(post)) taken = Taken::no_room;
  }
  if (taken != Taken::yes) own_.count_refusal(refusal(taken));
  return taken;
}

// Gives the post the operator's attributes.
Taken TelemetryRelay::judge(Post& post) const {
  if (!exporter_.exports(post.signal)) return Taken::not_exported;
  const auto is_forged = otlp::claims_name(post.body, own_name);
  if (!is_forged) return Taken::malformed;
  if (*is_forged) return Taken::reserved;
  auto body = identity_.applied_to(post.body);
  if (!body) return Taken::malformed;
  post.body = *std::move(body);
  return Taken::yes;
}

void TelemetryRelay::add_own(const Post& post) {
  if (exporter_.exports(post.signal) && !exporter_.add(post)) own_.count_refusal(refusal(Taken::no_room));
}

}  // namespace ostiary::relay
