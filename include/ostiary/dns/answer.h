// dns/answer.h: writes the gate's answers, into room of the caller's and without allocating.
// An answer repeats the question octet for octet, holds at most records of the asked type under the
// question's own name and no other section but an OPT record for who sent one. Records that do not all fit
// are left out and TC is set.
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

// How large an answer to this message may be.
size_t answer_limit(const Envelope& envelope, Transport transport);

// RFC 8914: why, for who asked with EDNS. The text is cut at limits::explanation_text_octets.
struct Explanation {
  ExtendedError code = ExtendedError::other;
  std::string_view text;
};

// Each gives the number of octets written at the start of `room`; 0, and nothing to send, only if `room` is
// smaller than limits::udp_payload_min. `room` may be cut to answer_limit() and does not overlap the
// envelope's question.

// The addresses, as A and AAAA records; none of them is NODATA.
size_t write_addresses(std::span<uint8_t> room, const Envelope& envelope,
                       std::span<const inet::IpAddress> addresses, std::chrono::seconds ttl);
size_t write_records(std::span<uint8_t> room, const Envelope& envelope, const RrSet& records);
// No records: NODATA (no_error), NXDOMAIN, SERVFAIL, REFUSED, FORMERR, NOTIMP.
size_t write_empty(std::span<uint8_t> room, const Envelope& envelope, Rcode rcode,
                   const std::optional<Explanation>& why = std::nullopt);
size_t write_refusal(std::span<uint8_t> room, const Refusal& refusal);

}  // namespace ostiary::dns
