// One event of every kind and form, as in docs/audit.md.
#pragma once

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include <netinet/in.h>

#include "ostiary/audit/event.h"

namespace ostiary::audit::testing {

inline Time sample_time() {
  using namespace std::chrono;
  const auto seconds = sys_days{2026y / January / 2} + 3h + 4min + 5s + 678901us;
  return time_point_cast<Time::duration>(seconds);
}

inline std::string line_of(const Event& event, Time time = sample_time(), AuditRoad road = AuditRoad::own) {
  std::array<char, limits::line_octets> room;
  return std::string(render(event, time, room, road));
}

inline inet::IpAddress address(std::string_view text) {
  return *inet::IpAddress::parse(text);
}

inline std::vector<Event> samples() {
  using namespace std::chrono_literals;
  static constexpr std::array ports{GrantedPorts{IPPROTO_TCP, 443, 443},
                                    GrantedPorts{IPPROTO_UDP, 8000, 8099}};
  const auto v4 = address("192.0.2.1");
  return {
      Boot{"0.1.0", 1, GateSwitch::on, "node", "claude"},
      Phase{Phase::Number::first, "everything is denied but what the plan opens", 23ms,
            Phase::Names{4, 1, 9}},
      Allow{"api.anthropic.com", ports},
      DenyName{"exfil.example", "TXT", DenyReason::no_rule, {}},
      DenyName{"k3x.pages.example", "A", DenyReason::bound, "wildcard questions a minute", 250},
      DenyName{"db.example", "A", DenyReason::rebinding, {}, 1, Actor::boot},
      DenyPacket{address("2001:db8::7"), 80, IPPROTO_TCP, {}, 1000, "api.anthropic.com"},
      DenyPacket{address("192.0.2.9"), 0, IPPROTO_ICMP, 8, 0, {}, {}, 3},
      DenyPacket{address("2001:db8::9"), 9, IPPROTO_UDP, {}, 1000, {}, "forged-source", 2},
      DenyPacket{address("192.0.2.213"), 443, IPPROTO_TCP, {}, 1000, {}, {}, 1, Actor::self_test},
      DenyMisnamed{"evil.example", address("192.0.2.10"), 443, 1000, "no-rule"},
      DenyMisnamed{{}, address("2001:db8::7"), 443, 1000, "no-name", 40},
      DenyMisnamed{"evil.example", address("192.0.2.10"), 80, 1000, "no-rule", 1, Actor::agent,
                   DenyMisnamed::In::http},
      DenyOther{70000},
      Admit{"api.anthropic.com", v4, IPPROTO_TCP, 443, 1h},
      Admit{"build.example", v4, IPPROTO_UDP, 8000, 1h, 8099},
      UpstreamFailure{"api.anthropic.com", "no server answered in time"},
      HelperStarted{"gate", 7},
      HelperDied{"gate", 7, HelperDied::How::signal, 9},
      HelperDied{"gate", 7, HelperDied::How::status, 1},
      HelperDied{"gate", 0, HelperDied::How::not_started, 0, "fork: Resource temporarily unavailable"},
      HelperRestarted{"gate", 9, 1},
      Tampering{"the table was deleted", 4711, "nft", Tampering::Response::repaired},
      Probe{"metadata address", Probe::Outcome::held, "connection refused"},
      Rotated{52114},
      EventsLost{17},
      Exited{143, "the agent was ended by SIGTERM, after SIGTERM from outside"},
  };
}

}  // namespace ostiary::audit::testing
