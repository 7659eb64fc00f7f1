// relay/reporter.h: tells the keeper what becomes of telemetry and requests, in few messages: a change of a collector's
// state at once, but only a few of them in a minute; counts at most once a minute.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "ostiary/event/loop.h"
#include "ostiary/link/relay.h"
#include "relay/exporter.h"
#include "relay/request_relay.h"

namespace ostiary::relay {

class Reporter {
 public:
  using Send = std::function<void(const Message&)>;

  // The loop must outlive the Reporter.
  Reporter(event::Loop& loop, Send send);

  void take(const std::string& collector, const Report& report);
  // A request for this server that failed.
  void take(const std::string& server, const FailedRequest& failed);
  // Sends the counts that wait.
  void flush();

 private:
  // Of a collector: delivered or delayed.
  struct State {
    std::optional<Report::Kind> told;
    Report::Kind now{};
    std::string why = {};
    size_t changes = 0;  // that were told in this minute
  };
  void note(const std::string& collector, const Report& report);
  void tell(const std::string& collector, State& state);
  void tell_states();
  struct Count {
    uint64_t number = 0;
    std::string why = {};  // of the last one
  };
  void count(const std::string& collector, Message::Kind kind, uint64_t number, const std::string& why);

  event::Loop& loop_;
  Send send_;
  std::map<std::string, State> states_;
  std::map<std::pair<std::string, Message::Kind>, Count> counts_;
  event::Timer next_;
  bool waits_ = false;  // for next_
  event::Timer next_states_;
};

}  // namespace ostiary::relay
