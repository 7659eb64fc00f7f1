// gate/plan_host.h: a name of the plan, while a boot resolves it, and in words why it does not open. Pure.
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

// Whom the plan's names were asked of, what for, and how long an answer may take.
struct PlanTerms {
  std::span<const upstream::Server> servers;
  std::span<const dns::RecordType> types;  // none: no network
  std::chrono::seconds timeout{};
};

class PlanHost {
 public:
  PlanHost(inet::HostName name, size_t questions) : name_(std::move(name)), waiting_(questions) {}

  // What became of one of its questions.
  void take(const Resolution& resolution);

  const inet::HostName& name() const { return name_; }
  bool waits() const { return waiting_ > 0; }
  bool resolved() const { return most_ == Resolution::Kind::addresses; }

  // To the keeper, where it did not resolve: "has no address (192.0.2.53:53: NODATA)".
  Message unopened(const PlanTerms& terms) const;

 private:
  std::string reason(const PlanTerms& terms) const;

  inet::HostName name_;
  size_t waiting_;  // for A, for AAAA
  // Of its findings, the one that says most.
  Resolution::Kind most_ = Resolution::Kind::no_data;
  std::string failure_;
  std::vector<inet::IpAddress> withheld_;
};

}  // namespace ostiary::gate
