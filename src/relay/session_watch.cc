#include "relay/session_watch.h"

#include <algorithm>

#include "ostiary/base/text.h"
#include "ostiary/otlp/origin.h"

namespace ostiary::relay {
namespace {

bool is_plausible(std::string_view session) {
  return session.size() <= limits::session_octets && std::ranges::all_of(session, is_graphic);
}

}  // namespace

// The oldest makes room.
SessionWatch::Seen& SessionWatch::note(std::vector<Seen>& list, std::string_view id, std::string_view session,
                                       event::Time now) {
  auto found =
      std::ranges::find_if(list, [&](const Seen& each) { return each.id == id && each.session == session; });
  if (found == list.end()) {
    if (list.size() == limits::sessions) list.erase(std::ranges::min_element(list, {}, &Seen::last));
    found = list.insert(list.end(), {.id = std::string(id), .session = std::string(session)});
  }
  found->last = now;
  return *found;
}

void SessionWatch::see(const Post& post, event::Time now) {
  if (post.signal == telemetry::Signal::metrics) return;
  const bool is_logs = post.signal == telemetry::Signal::logs;
  const auto origins = otlp::origins(post.body, is_logs ? otlp::Items::log_records : otlp::Items::spans);
  if (!origins) return;
  for (const otlp::Origin& each : *origins) {
    if (!is_plausible(each.session)) continue;
    note(sessions_, each.session, {}, now);
    if (each.trace.empty()) continue;
    Seen& trace = note(traces_, each.trace, each.session, now);
    // Spans are exported when they have ended.
    if (!is_logs || each.span.empty()) continue;
    trace.has_several_spans |= !trace.span.empty() && trace.span != each.span;
    trace.span = each.span;
  }
}

SessionWatch::Active SessionWatch::active(event::Time now) const {
  Active active;
  for (const Seen& each : sessions_) {
    if (now - each.last > limits::session_is_active) continue;
    ++active.sessions;
    active.session = each.id;
  }
  if (active.sessions != 1) return {.sessions = active.sessions};
  const Seen* only = nullptr;
  for (const Seen& each : traces_) {
    if (now - each.last > limits::trace_is_active || each.session != active.session) continue;
    if (only != nullptr) return {.sessions = 1, .session = active.session};
    only = &each;
    active.trace = each.id;
    active.span = each.has_several_spans ? std::string() : each.span;
  }
  return active;
}

}  // namespace ostiary::relay
