// dns/rrset.h: reads records of the types that a rule allows besides A and AAAA.
// - The invariants of dns/reply.h hold here too.
// - Names inside the records are decompressed, because a compression pointer is valid only in its
//   own message.
// - Records of a type with an unknown layout are copied unchanged (RFC 3597).
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "ostiary/dns/message.h"
#include "ostiary/dns/reply.h"

namespace ostiary::dns {

struct RrSet {
  RecordType type{};
  std::chrono::seconds ttl{};
  std::vector<std::vector<uint8_t>> rdata;  // within limits::rrset_records and limits::rrset_octets
};

using RecordReply = std::variant<RrSet, NoData, NoSuchName, UpstreamFailure, MalformedReply, TruncatedReply>;

RecordReply read_record_reply(std::span<const uint8_t> message, const Question& question);

}  // namespace ostiary::dns
