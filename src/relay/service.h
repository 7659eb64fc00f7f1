// relay/service.h: what the serving process does: takes telemetry, and sends it to its collectors; forwards
// requests.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/event/loop.h"
#include "ostiary/link/relay.h"
#include "relay/gate_link.h"
#include "relay/reporter.h"
#include "relay/request_relay.h"
#include "relay/telemetry_relay.h"
#include "relay/tls.h"

namespace ostiary::relay {

class Service {
 public:
  // All must outlive the Service. `trust` is nullptr if no collector has TLS. `forwards_trust` has one for
  // each forward, nullptr if its server has no TLS.
  struct Parts {
    event::Loop& loop;
    const Setup& setup;
    const TlsTrust* trust;
    std::vector<const TlsTrust*> forwards_trust = {};
    std::function<double()> random;
    std::function<void(const Message&)> send;
  };
  struct Inheritance {
    Credentials credentials;
    UniqueFd listener;  // invalid if there is no collector
    UniqueFd gate;
    UniqueFd audit;  // the relay's end of link::AuditPair; invalid if it gets no lines
    std::vector<UniqueFd> spools;
    std::vector<UniqueFd> forwards = {};  // their listeners
    uint32_t first_connection = 0;
  };
  static Result<std::unique_ptr<Service>> create(Parts parts, Inheritance inheritance);

  Result<> start();
  // Hands on the lines of the audit that wait, too. Sends Message::Kind::drained when nothing is left to deliver, or after the time limit.
  void drain(Drain drain);

 private:
  Service(Parts parts, Inheritance inheritance, std::vector<Spool> spools,
          const otlp::Cumulative::Keys& keys);
  std::vector<Destination> destinations(Credentials& credentials, std::vector<Spool> spools);
  void add_forward(uint32_t number, Secret header_lines, UniqueFd listener);
  void take(const std::string& collector, const Report& report);
  void end_drain();
  Result<> receive_audit();

  Parts parts_;
  GateLink gate_;
  UniqueFd audit_;
  Reporter reporter_;
  TelemetryRelay telemetry_;
  size_t exchanges_ = 0;  // of the forwards
  std::vector<std::unique_ptr<RequestRelay>> forwards_;
  bool drains_ = false;
  event::Time drain_deadline_{};
  event::Timer drain_limit_;
  event::Watch audit_watch_;
};

}  // namespace ostiary::relay
