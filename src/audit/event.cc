#include "ostiary/audit/event.h"

#include <algorithm>

#include <netinet/in.h>

#include "audit/line.h"

namespace ostiary::audit {
namespace {

std::string_view text(Tampering::Response response) {
  return response == Tampering::Response::repaired ? "repaired" : "agent_ended";
}

std::string_view text(Probe::Outcome outcome) {
  switch (outcome) {
    case Probe::Outcome::held:
      return "held";
    case Probe::Outcome::got_out:
      return "got_out";
    case Probe::Outcome::not_tried:
      return "not_tried";
  }
  return "got_out";
}

Line& number_if_known(Line& line, std::string_view field, uint64_t value) {
  return value == 0 ? line : line.number(field, value);
}

// The address, port and protocol of a denied packet.
Line& endpoint(Line& line, const inet::IpAddress& address, uint16_t port, uint8_t protocol) {
  return number_if_known(line.address(address), "port", port).protocol(protocol);
}

// The agent is the default and is left out.
Line& by(Line& line, Actor actor) {
  if (actor == Actor::agent) return line;
  return line.word("by", actor == Actor::boot ? "boot" : "self-test");
}

class Renderer {
 public:
  Renderer(Time time, LineRoom room, AuditRoad road) : time_(time), room_(room), road_(road) {}

  std::string_view operator()(const Boot& event) const {
    return begin("boot")
        .text("version", event.version)
        .number("process", event.process)
        .word("gate", text(event.gate))
        .text("user", event.user)
        .text("command", event.command)
        .finish();
  }
  std::string_view operator()(const Phase& event) const {
    Line line = begin("phase");
    line.number("phase", static_cast<uint64_t>(event.number)).text("what", event.what);
    if (event.names)
      line.number("resolved", event.names->resolved)
          .number("unresolved", event.names->unresolved)
          .number("addresses", event.names->addresses);
    return line.number("milliseconds", static_cast<uint64_t>(std::max<int64_t>(event.took.count(), 0)))
        .finish();
  }
  std::string_view operator()(const Allow& event) const {
    return begin("allow").text("name", event.name).ports(event.ports).finish();
  }
  std::string_view operator()(const DenyName& event) const {
    Line line = begin("deny");
    line.word("kind", "name")
        .known("name", event.name)
        .known("type", event.type)
        .word("why", audit::text(event.why))
        .known("detail", event.detail);
    return by(line, event.by).number("count", event.count).finish();
  }
  std::string_view operator()(const DenyPacket& event) const {
    Line line = begin("deny");
    endpoint(line.word("kind", "packet"), event.address, event.port, event.protocol);
    if (event.icmp_type) line.number("icmp_type", *event.icmp_type);
    if (event.uid) line.number("uid", *event.uid);
    line.known("name", event.name).known("why", event.why);
    return by(line, event.by).number("count", event.count).finish();
  }
  std::string_view operator()(const DenyMisnamed& event) const {
    Line line = begin("deny");
    line.word("kind", event.in == DenyMisnamed::In::tls ? "tls" : "http").known("name", event.name);
    endpoint(line, event.address, event.port, IPPROTO_TCP);
    if (event.uid) line.number("uid", *event.uid);
    line.word("why", event.why);
    return by(line, event.by).number("count", event.count).finish();
  }
  std::string_view operator()(const DenyOther& event) const {
    return begin("deny").word("kind", "other").number("count", event.count).finish();
  }
  std::string_view operator()(const Admit& event) const {
    Line line = begin("admit");
    const auto seconds = event.lifetime.count();
    number_if_known(line.known("name", event.name).address(event.address), "port", event.port);
    if (event.last_port > event.port) line.number("last_port", event.last_port);
    return line.protocol(event.protocol)
        .number("seconds", seconds > 0 ? static_cast<uint64_t>(seconds) : 0)
        .finish();
  }
  std::string_view operator()(const UpstreamFailure& event) const {
    return begin("upstream_failure")
        .known("name", event.name)
        .text("why", event.why)
        .number("count", event.count)
        .finish();
  }
  std::string_view operator()(const HelperStarted& event) const {
    return begin(event.helper, "_started").number("process", event.process).finish();
  }
  std::string_view operator()(const HelperDied& event) const {
    Line line = begin(event.helper, "_died");
    if (event.how == HelperDied::How::not_started) return line.text("why", event.why).finish();
    return line.number("process", event.process)
        .number(event.how == HelperDied::How::signal ? "signal" : "status", event.number)
        .finish();
  }
  std::string_view operator()(const HelperRestarted& event) const {
    return begin(event.helper, "_restarted")
        .number("process", event.process)
        .number("attempt", event.attempt)
        .finish();
  }
  std::string_view operator()(const Tampering& event) const {
    Line line = begin("tampering");
    return number_if_known(line.text("what", event.what), "process", event.process)
        .known("program", event.program)
        .word("response", text(event.response))
        .finish();
  }
  std::string_view operator()(const Probe& event) const {
    return begin("probe")
        .text("probe", event.probe)
        .word("outcome", text(event.outcome))
        .known("detail", event.detail)
        .finish();
  }
  std::string_view operator()(const Rotated& event) const {
    return begin("rotated").number("deleted", event.deleted).finish();
  }
  std::string_view operator()(const EventsLost& event) const {
    return begin("events_lost").number("count", event.count).finish();
  }
  std::string_view operator()(const Exited& event) const {
    return begin("exit").number("status", event.status).text("reason", event.reason).finish();
  }

 private:
  Line begin(std::string_view event) const { return begin({}, event); }
  Line begin(std::string_view helper, std::string_view event) const {
    return {room_, time_, helper, event, road_};
  }

  Time time_;
  LineRoom room_;
  AuditRoad road_;
};

}  // namespace

std::string_view text(DenyReason reason) {
  switch (reason) {
    case DenyReason::no_rule:
      return "no_rule";
    case DenyReason::type:
      return "type";
    case DenyReason::rebinding:
      return "rebinding";
    case DenyReason::malformed:
      return "malformed";
    case DenyReason::bound:
      return "bound";
    case DenyReason::not_admitted:
      return "not_admitted";
  }
  return "no_rule";
}

std::string_view render(const Event& event, Time time, LineRoom room, AuditRoad road) {
  return std::visit(Renderer(time, room, road), event);
}

}  // namespace ostiary::audit
