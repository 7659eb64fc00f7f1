// relay/reporter.h: tells the keeper what becomes of telemetry and requests, in few messages: each change of a collector's
// state at once, and counts at most once a minute.
#pragma once

#include <functional>
#include <map>
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
  struct Count {
    uint64_t number = 0;
    std::string why = {};  // of the last one
  };
  void count(const std::string& collector, Message::Kind kind, uint64_t number, const std::string& why);

  event::Loop& loop_;
  Send send_;
  std::map<std::string, Report::Kind> states_;  // delivered or delayed, by collector
  std::map<std::pair<std::string, Message::Kind>, Count> counts_;
  event::Timer next_;
  bool waits_ = false;  // for next_
};

}  // namespace ostiary::relay
