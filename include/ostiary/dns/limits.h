// dns/limits.h: all limits of the DNS wire code, and the relations between them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace ostiary::dns::limits {

using namespace std::chrono_literals;

// RFC 1035, 2.3.4 and 4.1.
inline constexpr size_t label_octets = 63;
inline constexpr size_t name_octets = 255;
inline constexpr size_t header_octets = 12;
inline constexpr size_t question_octets = name_octets + 4;
inline constexpr size_t message_octets = 65535;

// The maximum over UDP for a client without EDNS, and the maximum that needs no IP fragmentation
// (DNS flag day 2020).
inline constexpr uint16_t udp_payload_min = 512;
inline constexpr uint16_t udp_payload_max = 1232;

// A question over TCP. Normal questions are far smaller.
inline constexpr size_t tcp_query_octets = 4096;

// In this order: an OPT record without options, the option header and code of an extended error,
// and the text of an extended error.
inline constexpr size_t opt_octets = 11;
inline constexpr size_t explanation_header_octets = 6;
inline constexpr size_t explanation_text_octets = 200;

// Limits for one upstream reply.
inline constexpr size_t reply_records = 512;
inline constexpr size_t alias_links = 16;
inline constexpr size_t pointer_hops = 64;
inline constexpr size_t addresses = 64;
inline constexpr size_t rrset_records = 128;
inline constexpr size_t rrset_octets = 12288;
inline constexpr size_t record_header_octets = 12;  // if the owner is a pointer to the question

// The largest possible answer, and so the size of a buffer for TCP.
inline constexpr size_t answer_octets = 16384;

inline constexpr std::chrono::seconds ttl_min = 1s;
inline constexpr std::chrono::seconds ttl_max = 24h;
inline constexpr std::chrono::seconds negative_ttl_max = 5min;

// An answer without records always fits, for any client and with any explanation.
static_assert(header_octets + question_octets + opt_octets + explanation_header_octets +
                  explanation_text_octets <=
              udp_payload_min);
static_assert(udp_payload_min <= udp_payload_max && udp_payload_max <= answer_octets);
static_assert(header_octets + question_octets + opt_octets <= tcp_query_octets);
static_assert(header_octets + question_octets + opt_octets + addresses * (record_header_octets + 16) <=
              answer_octets);
static_assert(header_octets + question_octets + opt_octets + rrset_octets +
                  rrset_records * record_header_octets <=
              answer_octets);
static_assert(answer_octets <= message_octets);
static_assert(alias_links < reply_records && addresses <= reply_records && rrset_records <= reply_records);
static_assert(ttl_min <= negative_ttl_max && negative_ttl_max <= ttl_max);

}  // namespace ostiary::dns::limits
