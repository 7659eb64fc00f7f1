// dns/answer.h: writes the gate's answers into a buffer of the caller, without allocation.
// - An answer repeats the question octet for octet.
// - Its answer section holds only records of the asked type under the name of the question.
// - Its additional section holds an OPT record if the question had one. No other section has
//   records.
// - If the records do not fit, the answer has none of them and TC is set.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "ostiary/dns/message.h"
#include "ostiary/dns/query.h"
#include "ostiary/dns/rrset.h"
#include "ostiary/inet/ip_address.h"

namespace ostiary::dns {

enum class Transport : uint8_t { udp, tcp };

// The maximum size of an answer to this message.
size_t answer_limit(const Envelope& envelope, Transport transport);

// An extended DNS error (RFC 8914), for a client that uses EDNS. The text is cut at
// limits::explanation_text_octets.
struct Explanation {
  ExtendedError code = ExtendedError::other;
  std::string_view text;
};

// Each function returns the number of octets written at the start of `room`. It returns 0 only if
// `room` is smaller than limits::udp_payload_min; then there is no answer to send. The caller may
// cut `room` to answer_limit(). `room` must not overlap the envelope's question.

// Writes A and AAAA records. Without addresses the answer is NODATA.
size_t write_addresses(std::span<uint8_t> room, const Envelope& envelope,
                       std::span<const inet::IpAddress> addresses, std::chrono::seconds ttl);
size_t write_records(std::span<uint8_t> room, const Envelope& envelope, const RrSet& records);
// Writes an answer without records: NODATA (no_error), NXDOMAIN, SERVFAIL, REFUSED, FORMERR,
// NOTIMP.
size_t write_empty(std::span<uint8_t> room, const Envelope& envelope, Rcode rcode,
                   const std::optional<Explanation>& why = std::nullopt);
size_t write_refusal(std::span<uint8_t> room, const Refusal& refusal);

}  // namespace ostiary::dns
