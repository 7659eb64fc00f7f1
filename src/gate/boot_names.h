// gate/boot_names.h: resolves the plan's names before the agent asks, and reports to the keeper.
// - The gate is ready when each name has resolved or failed, or when the time limit has passed. A
//   name that has not resolved by then is reported.
// - At most limits::plan_hosts_at_once names are resolved at a time.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "answerer.h"
#include "ostiary/dns/message.h"
#include "ostiary/event/loop.h"
#include "ostiary/inet/host_name.h"
#include "ostiary/link/gate.h"
#include "ostiary/link/gate_setup.h"
#include "ostiary/policy/policy.h"
#include "ostiary/upstream/server.h"
#include "recorder.h"

namespace ostiary::gate {

// The servers, the record types and the time limit of the plan's questions.
struct PlanTerms {
  std::span<const upstream::Server> servers;
  std::span<const dns::RecordType> types;  // none: there is no network
  std::chrono::seconds timeout{};
};

// One of the names, and the reason if it does not resolve. Pure.
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

class BootNames {
 public:
  using SendFn = std::function<void(const Message&)>;

  // Names of the agent, or of the relay.
  struct Source {
    const policy::Policy& policy;
    Answerer& answerer;
    enum class For : uint8_t { agent, relay } whom = For::agent;
  };
  // All must outlive the BootNames.
  struct Dependencies {
    event::Loop& loop;
    const Setup& setup;
    std::vector<Source> sources;
    Recorder& recorder;
  };

  BootNames(Dependencies dependencies, SendFn send);

  void start();

 private:
  void resolve_more();
  void resolve(size_t index);
  void report(const dns::Question& question, const Resolution& resolution, Source::For whom);
  void on_resolved(const PlanHost& host);
  void give_up();
  void report_unopened(const PlanHost& host);
  void send_ready();

  Dependencies dependencies_;
  SendFn send_;
  std::vector<dns::RecordType> types_;
  std::vector<PlanHost> hosts_;
  std::vector<size_t> source_of_;  // of each host
  size_t started_ = 0;             // hosts that resolve() was called for
  size_t unfinished_ = 0;          // hosts that are not resolved yet, started or not
  bool resolving_ = false;
  bool ready_ = false;
  event::Timer time_limit_;
};

}  // namespace ostiary::gate
