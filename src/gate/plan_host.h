// gate/plan_host.h: one name of the plan while the gate resolves it, and the reason if it does not
// resolve. Pure.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "ostiary/dns/message.h"
#include "ostiary/gate/answerer.h"
#include "ostiary/gate/launch.h"
#include "ostiary/inet/host_name.h"
#include "ostiary/upstream/server.h"

namespace ostiary::gate {

// The servers, the record types and the time limit of the plan's questions.
struct PlanTerms {
  std::span<const upstream::Server> servers;
  std::span<const dns::RecordType> types;  // none: there is no network
  std::chrono::seconds timeout{};
};

class PlanHost {
 public:
  PlanHost(inet::HostName name, size_t questions) : name_(std::move(name)), waiting_(questions) {}

  // Takes the result of one of the questions.
  void take(const Resolution& resolution);

  const inet::HostName& name() const { return name_; }
  bool waits() const { return waiting_ > 0; }
  bool resolved() const { return best_ == Resolution::Kind::addresses; }

  // The message to the keeper if the name did not resolve. Its reason is such as
  // "has no address (192.0.2.53:53: NODATA)".
  Message unopened(const PlanTerms& terms) const;

 private:
  std::string reason(const PlanTerms& terms) const;

  inet::HostName name_;
  size_t waiting_;  // the number of unanswered questions
  // Of the results so far, the one that says the most.
  Resolution::Kind best_ = Resolution::Kind::no_data;
  std::string failure_;
  std::vector<inet::IpAddress> withheld_;
};

}  // namespace ostiary::gate
