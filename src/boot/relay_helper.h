// boot/relay_helper.h: the relay as a helper: its listeners, which the agent sends to, and its messages.
// - The listeners, the spools and the pair of sockets to the gate outlive each of its processes.
// - What becomes of telemetry is logged.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "audit_trail.h"
#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/event/signals.h"
#include "ostiary/keeper/helper.h"
#include "ostiary/link/connections.h"
#include "ostiary/link/relay.h"
#include "ostiary/plan/plan.h"

namespace ostiary::boot {

class RelayHelper {
 public:
  struct Parts {
    keeper::HelperDescription description = relay::description;
    keeper::Helper::Code code;
    keeper::StartModes modes;
    // Both must outlive the RelayHelper.
    const plan::Relay& plan;
    AuditTrail& audit;
    std::vector<UniqueFd> spools = {};  // of the collectors; without them the telemetry waits in memory files
  };
  // Opens the listeners.
  static Result<std::unique_ptr<RelayHelper>> create(Parts parts);

  // The end of the pair that the gate inherits.
  int gates_end() const { return pair_.gate.get(); }

  Result<> start() { return helper_.start(); }
  // Waits until the relay is confined.
  Result<> await();
  // Waits until everything is delivered, or for the time, or for a signal among `requests`.
  void drain(std::chrono::milliseconds longest, const event::Signals& requests);
  void end() { helper_.end(); }

  keeper::Helper& helper() { return helper_; }

 private:
  struct Listeners {
    UniqueFd telemetry = {};  // invalid if there is no collector
    std::vector<UniqueFd> forwards = {};
  };

  RelayHelper(Parts parts, Listeners listeners, link::ConnectionPair pair);
  relay::KeeperFds descriptors() const;
  Result<> on_message(std::string_view octets);
  void log(const relay::Message& message) const;
  std::string fate() const;

  Parts parts_;
  Listeners listeners_;
  link::ConnectionPair pair_;
  keeper::Helper helper_;
};

}  // namespace ostiary::boot
