#include "self_test.h"

#include <netinet/in.h>

#include "ostiary/base/log.h"

namespace ostiary::boot {
namespace {

audit::Probe::Outcome recorded(selftest::Outcome outcome) {
  switch (outcome) {
    case selftest::Outcome::held:
    case selftest::Outcome::dropped:
      return audit::Probe::Outcome::held;
    case selftest::Outcome::not_applicable:
      return audit::Probe::Outcome::not_tried;
    case selftest::Outcome::escaped:
    case selftest::Outcome::unanswered:
      break;
  }
  return audit::Probe::Outcome::got_out;
}

}  // namespace

selftest::Targets with_admitted(selftest::Targets targets, std::span<const inet::IpAddress> admitted,
                                pid_t gate) {
  targets.gate_pid = gate;
  // Which ports of an admitted address are open does not matter here.
  for (const inet::IpAddress& address : admitted)
    for (const uint8_t protocol : {uint8_t{IPPROTO_TCP}, uint8_t{IPPROTO_UDP}})
      targets.permitted.push_back({.network = address,
                                   .prefix_length = static_cast<uint8_t>(address.octets().size() * 8),
                                   .protocol = protocol,
                                   .first_port = 0,
                                   .last_port = UINT16_MAX});
  return targets;
}

Result<std::string> run_self_test(const confine::Identity& agent, const selftest::Targets& targets,
                                  AuditTrail& audit) {
  // Where the audit goes to a terminal or the agent's own output, an attempt that held is noise,
  // and no evidence.
  const auto is_noise = [&audit](audit::Probe::Outcome outcome) {
    return audit.road() == audit::AuditRoad::shared && outcome != audit::Probe::Outcome::got_out;
  };
  const auto record = [&](const selftest::Attempt& each) {
    if (is_noise(recorded(each.outcome))) return;
    audit.record(audit::Probe{.probe = each.name, .outcome = recorded(each.outcome), .detail = each.detail});
  };
  const auto attempts = TRY(selftest::run(agent, targets, record));
  std::string summary = selftest::summary(attempts);
  log::info("phase 1: self-test: " + summary);
  for (const selftest::Attempt& each : attempts)
    for (const std::string& warning : each.warnings) log::warn(warning);
  return summary;
}

}  // namespace ostiary::boot
