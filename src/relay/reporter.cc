#include "relay/reporter.h"

#include <algorithm>

namespace ostiary::relay {
namespace {

using namespace std::chrono_literals;

constexpr auto interval = 60s;
constexpr size_t longest_request = 200;
constexpr size_t changes_told = 4;  // in an interval

}  // namespace

Reporter::Reporter(event::Loop& loop, Send send)
    : loop_(loop),
      send_(std::move(send)),
      next_(loop,
            [this] {
              waits_ = false;
              flush();
            }),
      next_states_(loop, [this] { tell_states(); }) {}

void Reporter::take(const std::string& collector, const Report& report) {
  using Kind = Report::Kind;
  switch (report.kind) {
    case Kind::delivered:
    case Kind::delayed:
      note(collector, report);
      break;
    case Kind::refused:
      count(collector, Message::Kind::refused, 1, report.why);
      break;
    case Kind::rejected_in_part:
      count(collector, Message::Kind::rejected, report.number, report.why);
      break;
    case Kind::left_out:
      count(collector, Message::Kind::left_out, report.number, report.why);
      break;
    case Kind::forgotten:
      count(collector, Message::Kind::forgotten, report.number, report.why);
      break;
    case Kind::displaced:
      count(collector, Message::Kind::displaced, report.number, report.why);
      break;
  }
}

void Reporter::take(const std::string& server, const FailedRequest& failed) {
  const std::string request = failed.request.empty() ? "" : failed.request.substr(0, longest_request) + ": ";
  count(server, Message::Kind::unserved, 1, request + failed.error.reason);
}

void Reporter::note(const std::string& collector, const Report& report) {
  State& state = states_[collector];
  if (state.now != report.kind || !state.told) state.why = report.why;
  state.now = report.kind;
  if (state.told == state.now || state.changes >= changes_told) return;
  if (std::ranges::all_of(states_, [](const auto& each) { return each.second.changes == 0; }))
    next_states_.set(loop_.now() + interval);
  ++state.changes;
  tell(collector, state);
}

void Reporter::tell(const std::string& collector, State& state) {
  state.told = state.now;
  send_({.kind = state.now == Report::Kind::delivered ? Message::Kind::delivered : Message::Kind::delayed,
         .text = collector,
         .reason = state.why});
}

// At the end of an interval.
void Reporter::tell_states() {
  for (auto& [collector, state] : states_) {
    state.changes = 0;
    if (state.told != state.now) tell(collector, state);
  }
}

void Reporter::count(const std::string& collector, Message::Kind kind, uint64_t number,
                     const std::string& why) {
  Count& sum = counts_[{collector, kind}];
  sum.number += number;
  sum.why = why;
  if (!waits_) flush();
}

void Reporter::flush() {
  if (counts_.empty()) return;
  for (const auto& [what, sum] : std::exchange(counts_, {}))
    send_({.kind = what.second,
           .number = static_cast<uint32_t>(std::min<uint64_t>(sum.number, UINT32_MAX)),
           .text = what.first,
           .reason = sum.why});
  waits_ = true;
  next_.set(loop_.now() + interval);
}

}  // namespace ostiary::relay
