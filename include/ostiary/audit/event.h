// audit/event.h: what the audit tells of, as values, and how each is written as a line of JSON.
// docs/audit.md describes every field. Texts and lists are borrowed: an event is rendered before they end.
// No event holds a secret: of a command only its first word is told, of an environment nothing.
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
#include "ostiary/inet/ip_address.h"

namespace ostiary::audit {

// Protocols are numbers of the IP header: IPPROTO_TCP. An empty text and a zero that cannot be one (of a
// port, of a process) mean that it is not known, and are left out of the line.

enum class GateSwitch : uint8_t { off, on };

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
  // What became of the plan's names, and how many addresses were opened for them.
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

// The first time that a name is allowed.
struct Allow {
  std::string_view name;
  std::span<const GrantedPorts> ports;
};

enum class DenyReason : uint8_t {
  no_rule,       // no rule names it
  type,          // a record type that its rule does not name
  rebinding,     // every address it has is a private or special one
  malformed,     // not a question that the gate answers
  bound,         // one of the gate's limits is reached
  not_admitted,  // the kernel refused the admission
};
inline constexpr std::array deny_reasons{DenyReason::no_rule,   DenyReason::type,  DenyReason::rebinding,
                                         DenyReason::malformed, DenyReason::bound, DenyReason::not_admitted};
std::string_view text(DenyReason reason);

// Who was refused: before there is an agent, a boot resolves the plan's names, and tests itself.
enum class Actor : uint8_t { agent, boot, self_test };

struct DenyName {
  std::string_view name;  // dns::WireName::text()
  std::string_view type;  // "AAAA"
  DenyReason why{};
  std::string_view detail;  // which limit, what is malformed
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
  std::string_view name;      // that the gate answered this address to
  std::string_view why = {};  // the rule that refused it, "forged-source"; empty: no rule allows it
  uint64_t count = 1;
  Actor by = Actor::agent;
  auto operator<=>(const DenyPacket&) const = default;
};

// Denials that no other line tells of.
struct DenyOther {
  uint64_t count = 0;
};

struct Admit {
  std::string_view name;
  inet::IpAddress address;
  uint8_t protocol = 0;
  uint16_t port = 0;
  std::chrono::seconds lifetime{};
  uint16_t last_port = 0;  // of a range, which begins with `port`
};

struct UpstreamFailure {
  std::string_view name;
  std::string_view why;
  uint64_t count = 1;
  auto operator<=>(const UpstreamFailure&) const = default;
};

struct GateStarted {
  uint32_t process = 0;
};

struct GateDied {
  enum class How : uint8_t { status, signal };
  uint32_t process = 0;
  How how{};
  uint32_t number = 0;  // the status, or the signal
};

struct GateRestarted {
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

// One attempt of the self-test to get out.
struct Probe {
  enum class Outcome : uint8_t { held, got_out, not_tried };
  std::string_view probe;
  Outcome outcome = Outcome::got_out;
  std::string_view detail;
};

// A new file of the journal begins.
struct Rotated {
  uint64_t deleted = 0;  // lines of the oldest file, which was deleted for it
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
    std::variant<Boot, Phase, Allow, DenyName, DenyPacket, DenyOther, Admit, UpstreamFailure, GateStarted,
                 GateDied, GateRestarted, Tampering, Probe, Rotated, EventsLost, Exited>;

// How the lines leave: by a road of their own, or by one on which the agent can write lines too.
enum class AuditRoad : uint8_t { own, shared };

using Time = std::chrono::system_clock::time_point;
using LineRoom = std::span<char, limits::line_octets>;

// One object of printable ASCII and a newline, at the start of `room`; a text that is too long ends in "…".
// Control characters and all beyond ASCII are escaped as JSON has it, and an octet that is no UTF-8 becomes
// the text "\xNN". A line that shares its road says so. Allocates nothing.
std::string_view render(const Event& event, Time time, LineRoom room, AuditRoad road = AuditRoad::own);

}  // namespace ostiary::audit
