// relay/own_records.h: the events of ostiary itself as log records.
// - Each line of the audit becomes a record of the scope "ostiary", whose event name is "ostiary." and
//   the event, such as "ostiary.deny_name".
// - An event that the agent may have caused gets the attribute ostiary.session.match. "only": one
//   session of the agent was active, and session.id has its id; the record is in its trace if only one
//   was active. "several": no id. This is what the agent's telemetry said at the time, no proof.
// - In a flood at most limits::records_a_minute become records, and one more tells the number of the
//   others. Events that the agent cannot cause in any number have a limit of their own.
// - Records are delivered together, so late that the telemetry of the same time has come.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ostiary/event/loop.h"
#include "ostiary/otlp/write.h"
#include "relay/audit_line.h"
#include "relay/session_watch.h"

namespace ostiary::relay {

class OwnRecords {
 public:
  using WallClock = std::function<std::chrono::system_clock::time_point()>;
  // An ExportLogsServiceRequest without attributes of its resource.
  using Deliver = std::function<void(std::string)>;

  // All must outlive the OwnRecords.
  OwnRecords(event::Loop& loop, const SessionWatch& sessions, WallClock wall_clock, otlp::Scope scope,
             Deliver deliver);

  void add(const AuditLine& line);
  // A line that is no line of the audit.
  void add_unreadable();
  // Delivers what waits.
  void flush();

 private:
  struct Waiting {
    otlp::LogRecord record;
    bool may_be_of_agent = false;
  };

  void hold(otlp::LogRecord record, const AuditLine* line, size_t octets);
  void begin_minute();
  void end_minute();
  void send();
  uint64_t wall_time() const;

  event::Loop& loop_;
  const SessionWatch& sessions_;
  WallClock wall_clock_;
  otlp::Scope scope_;
  Deliver deliver_;
  std::vector<Waiting> batch_;
  size_t batch_octets_ = 0;
  bool is_minute_running_ = false;
  std::array<size_t, 2> taken_{};  // in this minute: frequent events, and others
  uint64_t left_out_ = 0;
  uint64_t unreadable_ = 0;
  event::Timer batch_is_due_;
  event::Timer minute_ends_;
};

namespace limits {
inline constexpr size_t records_a_minute = 600;
// Of the lines of a batch.
inline constexpr size_t batch_octets = 65536;
// The agent exports its logs and traces every five seconds.
inline constexpr std::chrono::seconds batch_time{10};
}  // namespace limits

// In nanoseconds since 1970.
uint64_t nanoseconds_of(std::chrono::system_clock::time_point time);

}  // namespace ostiary::relay
