// audit/event.h: the audit events as values, and their form as a line of JSON.
// - docs/audit.md describes every field.
// - An event borrows its texts and lists. They must outlive the call that renders the event.
// - No event holds a secret: a command is cut to its first word, and no event has an environment.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "ostiary/audit/limits.h"
#include "ostiary/config/gate_switch.h"
#include "ostiary/inet/ip_address.h"

namespace ostiary::audit {

// A protocol is a number of the IP header, such as IPPROTO_TCP. An empty text means unknown, and so
// does 0 for a port or a process. An unknown value is left out of the line.

using config::GateSwitch;

struct Boot {
  std::string_view version;
  uint32_t process = 0;
  GateSwitch gate{};
  std::string_view user;
  std::string_view command;  // its first word, never an argument
};

struct Phase {
  enum class Number : uint8_t { first = 1, second = 2 };
  Number number = Number::first;
  std::string_view what;
  std::chrono::milliseconds took{};
  // The plan's names that did and did not resolve, and the number of addresses admitted for them.
  struct Names {
    uint64_t resolved = 0;
    uint64_t unresolved = 0;
    uint64_t addresses = 0;
  };
  std::optional<Names> names = {};
};

struct GrantedPorts {
  uint8_t protocol = 0;
  uint16_t first = 0;
  uint16_t last = 0;
};

// A name is allowed for the first time.
struct Allow {
  std::string_view name;
  std::span<const GrantedPorts> ports;
};

enum class DenyReason : uint8_t {
  no_rule,       // no rule matches the name
  type,          // the rule does not allow the record type
  rebinding,     // every address of the name is private or special
  malformed,     // the message is not a question that the gate answers
  bound,         // a limit of the gate is reached
  not_admitted,  // the kernel refused the admission
};
inline constexpr std::array deny_reasons{DenyReason::no_rule,   DenyReason::type,  DenyReason::rebinding,
                                         DenyReason::malformed, DenyReason::bound, DenyReason::not_admitted};
std::string_view text(DenyReason reason);

// The process whose attempt was denied. Before the agent starts, the boot resolves the plan's names
// and runs the self-test.
enum class Actor : uint8_t { agent, boot, self_test };

struct DenyName {
  std::string_view name;  // dns::WireName::text()
  std::string_view type;  // "AAAA"
  DenyReason why{};
  std::string_view detail;  // the limit that is reached, or the part that is malformed
  uint64_t count = 1;
  Actor by = Actor::agent;
  auto operator<=>(const DenyName&) const = default;
};

struct DenyPacket {
  inet::IpAddress address;
  uint16_t port = 0;
  uint8_t protocol = 0;
  std::optional<uint8_t> icmp_type;
  std::optional<uint32_t> uid;
  std::string_view name;      // the name that the gate resolved to this address
  std::string_view why = {};  // the rule that denied it, "forged-source"; empty: no rule allows it
  uint64_t count = 1;
  Actor by = Actor::agent;
  auto operator<=>(const DenyPacket&) const = default;
};

// A flow was refused for the name in its TLS hello, or in one of its HTTP requests.
struct DenyMisnamed {
  enum class In : uint8_t { tls, http };
  std::string_view name;  // that it asked for; empty if none was read
  inet::IpAddress address;
  uint16_t port = 0;
  std::optional<uint32_t> uid;
  std::string_view why;
  uint64_t count = 1;
  Actor by = Actor::agent;
  In in = In::tls;
  auto operator<=>(const DenyMisnamed&) const = default;
};

// Denials that no other line describes.
struct DenyOther {
  uint64_t count = 0;
};

struct Admit {
  std::string_view name;
  inet::IpAddress address;
  uint8_t protocol = 0;
  uint16_t port = 0;
  std::chrono::seconds lifetime{};
  uint16_t last_port = 0;  // the end of a range that begins at `port`
};

struct UpstreamFailure {
  std::string_view name;
  std::string_view why;
  uint64_t count = 1;
  auto operator<=>(const UpstreamFailure&) const = default;
};

// A helper of the keeper, by its name: "gate". The event's name begins with it: "gate_started".
struct HelperStarted {
  std::string_view helper;
  uint32_t process = 0;
};

struct HelperDied {
  enum class How : uint8_t { status, signal, not_started };
  std::string_view helper;
  uint32_t process = 0;
  How how{};
  uint32_t number = 0;        // the status or the signal
  std::string_view why = {};  // for How::not_started
};

struct HelperRestarted {
  std::string_view helper;
  uint32_t process = 0;
  uint32_t attempt = 0;
};

struct Tampering {
  enum class Response : uint8_t { repaired, agent_ended };
  std::string_view what;
  uint32_t process = 0;
  std::string_view program;
  Response response{};
};

// One attempt of the self-test to break out of the confinement.
struct Probe {
  enum class Outcome : uint8_t { held, got_out, not_tried };
  std::string_view probe;
  Outcome outcome = Outcome::got_out;
  std::string_view detail;
};

// A new file of the journal begins.
struct Rotated {
  uint64_t deleted = 0;  // the number of lines in the oldest file, which was deleted
};

// Events of this journal that could not be written.
struct EventsLost {
  uint64_t count = 0;
};

struct Exited {
  uint8_t status = 0;
  std::string_view reason;
};

using Event =
    std::variant<Boot, Phase, Allow, DenyName, DenyPacket, DenyMisnamed, DenyOther, Admit, UpstreamFailure,
                 HelperStarted, HelperDied, HelperRestarted, Tampering, Probe, Rotated, EventsLost, Exited>;

// Whether only the audit writes to its file or descriptor (`own`), or the agent can too (`shared`).
enum class AuditRoad : uint8_t { own, shared };

using Time = std::chrono::system_clock::time_point;
using LineRoom = std::span<char, limits::line_octets>;

// Writes one JSON object of printable ASCII and a newline at the start of `room`. Does not
// allocate.
// - A text that is too long ends in "…".
// - Control characters and characters outside ASCII are escaped as in JSON. An octet that is not
//   UTF-8 becomes the text "\xNN".
// - With AuditRoad::shared the line has a field that says so.
std::string_view render(const Event& event, Time time, LineRoom room, AuditRoad road = AuditRoad::own);

}  // namespace ostiary::audit
