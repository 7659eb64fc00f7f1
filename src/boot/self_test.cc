#include "self_test.h"

#include <utility>
#include <vector>

#include <netinet/in.h>

#include "ostiary/base/log.h"
#include "ostiary/gate/launch.h"
#include "ostiary/state/files.h"

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

selftest::Targets targets_of(const plan::Plan& plan, const nft::Ruleset& ruleset,
                             std::span<const selftest::AddressPort> local_upstreams,
                             std::span<const inet::IpAddress> admitted, pid_t gate) {
  // Which ports of an admitted address are open does not matter here.
  std::vector<nft::AddressRule> permitted = ruleset.addresses;
  for (const inet::IpAddress& address : admitted)
    for (const uint8_t protocol : {uint8_t{IPPROTO_TCP}, uint8_t{IPPROTO_UDP}})
      permitted.push_back({.network = address,
                           .prefix_length = static_cast<uint8_t>(address.octets().size() * 8),
                           .protocol = protocol,
                           .first_port = 0,
                           .last_port = UINT16_MAX});
  return {.gate_port = gate::port,
          .gate_mark = plan::gate_mark,
          .gate_pid = gate,
          .permitted = std::move(permitted),
          .local_upstreams = {local_upstreams.begin(), local_upstreams.end()},
          .allowed_sockets = plan.enclosure.allowed_sockets,
          .root_only_file = state::path_of(state::otel_env_name)};
}

Result<std::string> run_self_test(const plan::Plan& plan, const selftest::Targets& targets,
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
  const auto attempts = TRY(selftest::run(plan.agent.identity, targets, record));
  std::string summary = selftest::summary(attempts);
  log::info("phase 1: self-test: " + summary);
  for (const selftest::Attempt& each : attempts)
    for (const std::string& warning : each.warnings) log::warn(warning);
  return summary;
}

}  // namespace ostiary::boot
