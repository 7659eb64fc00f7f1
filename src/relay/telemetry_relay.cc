#include "relay/telemetry_relay.h"

#include <algorithm>
#include <utility>

#include "ostiary/otlp/nesting.h"
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
    case Taken::too_deep:
      return "too_deep";
    case Taken::reserved:
      return "reserved";
    case Taken::not_exported:
      return "not_exported";
    case Taken::no_room:
      return "no_room";
  }
  return {};
}

otlp::ItemKind items_of(telemetry::Signal signal) {
  switch (signal) {
    case telemetry::Signal::traces:
      return otlp::ItemKind::spans;
    case telemetry::Signal::metrics:
      return otlp::ItemKind::metrics;
    case telemetry::Signal::logs:
      break;
  }
  return otlp::ItemKind::log_records;
}

}  // namespace

TelemetryRelay::TelemetryRelay(const Parts& parts, std::vector<UniqueFd> listeners, Sender sender,
                               std::vector<Destination> destinations)
    : identity_(sender.attributes),
      wall_clock_(sender.wall_clock),
      sums_(sender.temporality == telemetry::Temporality::cumulative
                ? std::optional<otlp::Cumulative>(std::in_place, sender.keys, nanoseconds_of(wall_clock_()))
                : std::nullopt),
      own_events_(sender.own_events),
      own_({.loop = parts.loop,
            .wall_clock = std::move(sender.wall_clock),
            .queue = [this] { return queue(); },
            .deliver = [this](Post post) { add_own(std::move(post)); },
            .temporality = sender.temporality == telemetry::Temporality::delta
                               ? otlp::Temporality::delta
                               : otlp::Temporality::cumulative},
           sender.attributes, std::move(sender.version)),
      intake_(parts.loop, std::move(listeners), [this](Post post) { return take(std::move(post)); }) {
  for (Destination& each : destinations)
    exporters_.push_back(std::make_unique<Exporter>(
        Exporter::Parts{.loop = parts.loop,
                        .trust = parts.trust,
                        .connect = std::move(each.connect),
                        .random = parts.random,
                        .report =
                            [this, report = std::move(each.report)](const Report& what) {
                              own_.count(what);
                              report(what);
                            },
                        .renew =
                            [this](Post& post) {
                              if (sums_ && post.signal == telemetry::Signal::metrics)
                                post.body = sums_->renewed(post.body, nanoseconds_of(wall_clock_()));
                            }},
        std::move(each.collector), std::move(each.spool)));
}

uint64_t TelemetryRelay::waiting_posts() const {
  uint64_t posts = 0;
  for (const auto& each : exporters_) posts += each->waiting_posts();
  return posts;
}

OwnMetrics::Queue TelemetryRelay::queue() const {
  OwnMetrics::Queue all;
  for (const auto& each : exporters_) {
    all.octets += each->spool().octets();
    all.posts += each->spool().posts();
  }
  if (sums_) all.series = sums_->series();
  return all;
}

Exporter* TelemetryRelay::exporter_of(telemetry::Signal signal) const {
  const auto found =
      std::ranges::find_if(exporters_, [signal](const auto& each) { return each->exports(signal); });
  return found == exporters_.end() ? nullptr : found->get();
}

Taken TelemetryRelay::take(Post post) {
  Taken taken = judge(post);
  if (taken == Taken::yes && sums_ && post.signal == telemetry::Signal::metrics) taken = sum_up(post);
  if (taken == Taken::yes && !post.body.empty()) {
    own_.see(post);
    if (!exporter_of(post.signal)->add(std::move(post))) taken = Taken::no_room;
  }
  if (taken != Taken::yes) own_.count_refusal(refusal(taken));
  return taken;
}

// Gives the post the operator's attributes.
Taken TelemetryRelay::judge(Post& post) const {
  if (exporter_of(post.signal) == nullptr) return Taken::not_exported;
  const auto is_forged = otlp::claims_name(post.body, own_name);
  if (!is_forged) return Taken::malformed;
  if (*is_forged) return Taken::reserved;
  if (!otlp::is_within_levels(post.body, items_of(post.signal))) return Taken::too_deep;
  auto body = identity_.applied_to(post.body);
  if (!body) return Taken::malformed;
  post.body = *std::move(body);
  return Taken::yes;
}

Taken TelemetryRelay::sum_up(Post& post) {
  const otlp::Cumulative::Lost before = sums_->lost();
  auto body = sums_->applied_to(post.body, nanoseconds_of(wall_clock_()));
  if (!body) return Taken::malformed;
  post.body = *std::move(body);
  report_lost(before);
  return Taken::yes;
}

void TelemetryRelay::report_lost(const otlp::Cumulative::Lost& before) {
  const otlp::Cumulative::Lost lost = sums_->lost();
  const auto report = [this](Report::Kind kind, uint64_t number, std::string why) {
    if (number > 0)
      exporter_of(telemetry::Signal::metrics)
          ->report(
              {.kind = kind, .signal = telemetry::Signal::metrics, .why = std::move(why), .number = number});
  };
  report(Report::Kind::left_out, lost.points - before.points,
         "they have no amount that can be added, or there are too many in a request");
  report(Report::Kind::forgotten, lost.series - before.series,
         "there are too many, and these waited longest for a change");
}

void TelemetryRelay::add_own(Post post) {
  Exporter* const exporter = exporter_of(post.signal);
  if (own_events_ == OwnEvents::left_out || exporter == nullptr) return;
  if (!exporter->add(std::move(post))) own_.count_refusal(refusal(Taken::no_room));
}

}  // namespace ostiary::relay
