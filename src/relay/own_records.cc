#include "relay/own_records.h"

#include <algorithm>
#include <utility>

namespace ostiary::relay {
namespace {

using namespace std::chrono_literals;

// About what a record takes beside its line.
constexpr size_t overhead = 200;

bool is_frequent(const AuditLine& line) {
  return line.event != "tampering" && (line.event.starts_with("deny_") || may_be_of_agent(line));
}

void add_session(otlp::LogRecord& record, const SessionWatch::Active& active) {
  if (active.sessions == 0) return;
  const bool is_only = active.sessions == 1;
  record.attributes.push_back({"ostiary.session.match", is_only ? "only" : "several"});
  if (!is_only) return;
  record.attributes.push_back({"session.id", active.session});
  record.trace = active.trace;
  record.span = active.span;
}

}  // namespace

uint64_t nanoseconds_of(std::chrono::system_clock::time_point time) {
  const auto since_1970 = std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch());
  return static_cast<uint64_t>(std::max<int64_t>(since_1970.count(), 0));
}

OwnRecords::OwnRecords(event::Loop& loop, const SessionWatch& sessions, WallClock wall_clock,
                       otlp::Scope scope, Deliver deliver)
    : loop_(loop),
      sessions_(sessions),
      wall_clock_(std::move(wall_clock)),
      scope_(std::move(scope)),
      deliver_(std::move(deliver)),
      batch_is_due_(loop, [this] { send(); }),
      minute_ends_(loop, [this] { end_minute(); }) {}

uint64_t OwnRecords::wall_time() const {
  return nanoseconds_of(wall_clock_());
}

void OwnRecords::add(const AuditLine& line) {
  begin_minute();
  size_t& taken = taken_.at(is_frequent(line) ? 0 : 1);
  if (taken == limits::records_a_minute) {
    ++left_out_;
    return;
  }
  ++taken;
  otlp::LogRecord record{.time = line.time,
                         .observed_time = wall_time(),
                         .severity = severity_of(line),
                         .event_name = "ostiary." + line.event,
                         .body = sentence_of(line),
                         .attributes = attributes_of(line)};
  size_t octets = overhead + record.body.size();
  for (const otlp::Field& each : record.attributes) {
    octets += each.key.size() + sizeof(uint64_t);
    if (const auto* text = std::get_if<std::string>(&each.value)) octets += text->size();
    if (const auto* texts = std::get_if<std::vector<std::string>>(&each.value))
      for (const std::string& text : *texts) octets += text.size();
  }
  hold(std::move(record), &line, octets);
}

void OwnRecords::add_unreadable() {
  begin_minute();
  ++unreadable_;
}

void OwnRecords::hold(otlp::LogRecord record, const AuditLine* line, size_t octets) {
  if (batch_octets_ + octets > limits::batch_octets) send();
  if (batch_.empty()) batch_is_due_.set(loop_.now() + limits::batch_time);
  batch_octets_ += octets;
  batch_.push_back({std::move(record), line != nullptr && may_be_of_agent(*line)});
}

void OwnRecords::begin_minute() {
  if (std::exchange(is_minute_running_, true)) return;
  minute_ends_.set(loop_.now() + 1min);
}

void OwnRecords::end_minute() {
  minute_ends_.set({});
  is_minute_running_ = false;
  taken_ = {};
  const uint64_t left_out = std::exchange(left_out_, 0);
  const uint64_t unreadable = std::exchange(unreadable_, 0);
  if (left_out == 0 && unreadable == 0) return;
  const uint64_t now = wall_time();
  hold({.time = now,
        .observed_time = now,
        .severity = otlp::Severity::warn,
        .event_name = "ostiary.left_out",
        .body = "events that only the audit has: " + std::to_string(left_out) +
                "; lines that could not be read: " + std::to_string(unreadable),
        .attributes = {{"ostiary.count", static_cast<int64_t>(left_out)},
                       {"ostiary.unreadable", static_cast<int64_t>(unreadable)}}},
       nullptr, overhead);
}

void OwnRecords::flush() {
  end_minute();
  send();
}

void OwnRecords::send() {
  batch_is_due_.set({});
  if (batch_.empty()) return;
  const SessionWatch::Active active = sessions_.active(loop_.now());
  std::vector<otlp::LogRecord> records;
  records.reserve(batch_.size());
  for (Waiting& each : batch_) {
    if (each.may_be_of_agent) add_session(each.record, active);
    records.push_back(std::move(each.record));
  }
  batch_.clear();
  batch_octets_ = 0;
  deliver_(otlp::logs_request(scope_, records));
}

}  // namespace ostiary::relay
