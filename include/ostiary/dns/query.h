// dns/query.h: reads the agent's questions.
// - A Query is one question of class IN. Its message has no other record, except for at most one
//   well-formed OPT record.
// - Any other message is refused with a code and a reason, or ignored.
// - A message that is itself a response is never answered.
// - Reading does not allocate.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "ostiary/dns/limits.h"
#include "ostiary/dns/message.h"
#include "ostiary/dns/wire_name.h"

namespace ostiary::dns {

struct Edns {
  uint16_t udp_payload = limits::udp_payload_min;  // between udp_payload_min and udp_payload_max
  uint16_t flags = 0;                              // flag::dnssec_ok or 0

  bool operator==(const Edns&) const = default;
};

// The parts of a message that its answer repeats. `question` points into the message.
struct Envelope {
  uint16_t id = 0;
  uint16_t flags = 0;  // the opcode, flag::recursion_desired and flag::checking_disabled
  std::optional<Edns> edns;
  std::span<const uint8_t> question;  // as received, with its letter case; empty if unreadable
};

// An Envelope that outlives its message, for an answer that is sent later.
class KeptEnvelope {
 public:
  explicit KeptEnvelope(const Envelope& envelope)
      : envelope_(envelope), question_(envelope.question.begin(), envelope.question.end()) {
    envelope_.question = {};
  }
  Envelope envelope() const {
    Envelope whole = envelope_;
    whole.question = question_;
    return whole;
  }

 private:
  Envelope envelope_;
  std::vector<uint8_t> question_;
};

struct Query {
  Envelope envelope;
  WireName name;
  RecordType type{};
};

enum class RefusalReason : uint8_t {
  opcode,          // NOTIMP
  question_count,  // FORMERR, like all that follow, up to trailing_octets
  answer_section,
  authority_section,
  name,
  cut_short,
  additional_section,
  edns_malformed,
  trailing_octets,
  edns_version,  // BADVERS
  query_class,   // REFUSED
  meta_type,     // NOTIMP
};
std::string_view text(RefusalReason reason);

struct Refusal {
  Envelope envelope;
  Rcode rcode = Rcode::refused;
  RefusalReason reason{};
};

enum class Ignored : uint8_t { too_short, response };

using QueryReading = std::variant<Query, Refusal, Ignored>;
QueryReading read_query(std::span<const uint8_t> message);

}  // namespace ostiary::dns
