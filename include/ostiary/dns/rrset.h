// dns/rrset.h: the records of a type that a rule names beside A and AAAA.
// They are passed on under the rules of dns/reply.h. Names within them are written out whole, since a
// compression pointer means nothing in another message; a type whose layout is not known is passed on as it
// is (RFC 3597).
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
  std::vector<std::vector<uint8_t>> rdata;  // at most limits::rrset_records, limits::rrset_octets together
};

using RecordReply = std::variant<RrSet, NoData, NoSuchName, UpstreamFailure, MalformedReply, TruncatedReply>;

RecordReply read_record_reply(std::span<const uint8_t> message, const Question& question);

}  // namespace ostiary::dns
