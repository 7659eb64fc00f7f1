#include "relay/reporter.h"

namespace ostiary::relay {
namespace {

using namespace std::chrono_literals;

constexpr auto interval = 60s;
constexpr size_t longest_request = 200;

}  // namespace

Reporter::Reporter(event::Loop& loop, Send send)
    : loop_(loop), send_(std::move(send)), next_(loop, [this] {
        waits_ = false;
        flush();
      }) {}

void Reporter::take(const std::string& collector, const Report& report) {
  using Kind = Report::Kind;
  const auto known = states_.find(collector);
  const bool is_news = known == states_.end() || known->second != report.kind;
  switch (report.kind) {
    case Kind::delivered:
      states_[collector] = Kind::delivered;
      if (is_news) send_({.kind = Message::Kind::delivered, .text = collector, .reason = report.why});
      break;
    case Kind::delayed:
      states_[collector] = Kind::delayed;
      if (is_news) send_({.kind = Message::Kind::delayed, .text = collector, .reason = report.why});
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
