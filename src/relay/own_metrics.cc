#include "relay/own_metrics.h"

#include <algorithm>
#include <vector>

namespace ostiary::relay {
namespace {

std::string_view outcome_of(Report::Kind kind) {
  switch (kind) {
    case Report::Kind::delivered:
      return "delivered";
    case Report::Kind::rejected_in_part:
      return "rejected_in_part";
    case Report::Kind::refused:
      return "refused";
    case Report::Kind::delayed:
      return "delayed";
    case Report::Kind::displaced:
      return "displaced";
    case Report::Kind::left_out:
    case Report::Kind::forgotten:
      break;
  }
  return "other";
}

template <typename Counts>
std::vector<otlp::Point> points(const Counts& counts, std::string_view attribute) {
  std::vector<otlp::Point> points;
  for (const auto& [what, number] : counts) {
    otlp::Point point{.value = number};
    if (!what.empty()) point.attributes.push_back({std::string(attribute), what});
    points.push_back(std::move(point));
  }
  return points;
}

}  // namespace

// A sum does not go back, so that one that is too large stays the largest.
void OwnMetrics::add(Counts& counts, std::string_view what, uint64_t number) {
  if (counts.size() >= limits::attribute_values && !counts.contains(what)) what = "other";
  uint64_t& count = counts.try_emplace(std::string(what), 0).first->second;
  count += std::min(number, UINT64_MAX - count);
}

void OwnMetrics::count(const AuditLine& line) {
  constexpr std::string_view deny = "deny_";
  constexpr std::string_view restarted = "_restarted";
  const std::string_view event = line.event;
  if (event.starts_with(deny)) {
    // A boot's own attempts, such as those of its self-test, are in the records alone.
    if (line.fields.find("by") != nullptr) return;
    const Json* const count = line.fields.find("count");
    add(denials_, event.substr(deny.size()), count == nullptr ? 1 : count->number().value_or(1));
  } else if (event == "admit") {
    add(admissions_, {});
  } else if (event.ends_with(restarted)) {
    add(restarts_, event.substr(0, event.size() - restarted.size()));
  }
}

void OwnMetrics::count(const Report& report) {
  using Kind = Report::Kind;
  if (report.kind == Kind::left_out) return add(left_out_, {}, report.number);
  if (report.kind == Kind::forgotten) return add(forgotten_, {}, report.number);
  add(posts_, outcome_of(report.kind), report.kind == Kind::displaced ? report.number : report.posts);
}

void OwnMetrics::count_refusal(std::string_view outcome) {
  add(posts_, outcome);
}

std::string OwnMetrics::request(const otlp::Scope& scope, const Queue& queue,
                                const otlp::Interval& interval) const {
  using Kind = otlp::Metric::Kind;
  const std::vector<otlp::Metric> metrics{
      {.name = "ostiary.denials",
       .description = "Names and packets that were denied to the agent",
       .unit = "{denial}",
       .kind = Kind::sum,
       .points = points(denials_, "kind")},
      {.name = "ostiary.admissions",
       .description = "Addresses that were opened for a time",
       .unit = "{admission}",
       .kind = Kind::sum,
       .points = points(admissions_, {})},
      {.name = "ostiary.helper.restarts",
       .description = "Helper processes that were started again",
       .unit = "{restart}",
       .kind = Kind::sum,
       .points = points(restarts_, "helper")},
      {.name = "ostiary.relay.posts",
       .description = "Requests of telemetry by what became of them; delayed counts tries",
       .unit = "{post}",
       .kind = Kind::sum,
       .points = points(posts_, "outcome")},
      {.name = "ostiary.relay.points.left_out",
       .description = "Points of the agent's metrics that could not be summed",
       .unit = "{point}",
       .kind = Kind::sum,
       .points = points(left_out_, {})},
      {.name = "ostiary.relay.series.forgotten",
       .description = "Sums of the agent's metrics that were given up, because there were too many",
       .unit = "{series}",
       .kind = Kind::sum,
       .points = points(forgotten_, {})},
      {.name = "ostiary.relay.series",
       .description = "Sums of the agent's metrics",
       .unit = "{series}",
       .kind = Kind::gauge,
       .points =
           queue.series ? std::vector<otlp::Point>{{.value = *queue.series}} : std::vector<otlp::Point>()},
      {.name = "ostiary.relay.queue.octets",
       .description = "What the telemetry that waits for the collector takes",
       .unit = "By",
       .kind = Kind::gauge,
       .points = {{.value = queue.octets}}},
      {.name = "ostiary.relay.queue.posts",
       .description = "Requests of telemetry that wait for the collector",
       .unit = "{post}",
       .kind = Kind::gauge,
       .points = {{.value = queue.posts}}},
  };
  return otlp::metrics_request(scope, metrics, interval);
}

}  // namespace ostiary::relay
