// dns/reply.h: reads an upstream server's reply against the question that was put to it.
// What comes out was asked for: addresses of the asked family only, from records at the question's name or at
// the end of the chain of CNAMEs that begins there, all in the answer section of this reply. Every other
// record is left alone. The message's id is the transport's matter. Reading an address reply allocates
// nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "ostiary/dns/address_list.h"
#include "ostiary/dns/message.h"
#include "ostiary/dns/wire_name.h"

namespace ostiary::dns {

struct Question {
  WireName name;
  RecordType type{};
};

// At least one address; all of the family that was asked for.
struct Addresses {
  AddressList list;
  std::chrono::seconds ttl{};  // the least of the chain and the addresses, within the limits
  size_t dropped = 0;          // addresses beyond limits::addresses: neither admitted nor told
};

// The name has no such record. The TTL is RFC 2308's; limits::ttl_min where the reply gives none.
struct NoData {
  std::chrono::seconds ttl{};
};
struct NoSuchName {
  std::chrono::seconds ttl{};
};

struct UpstreamFailure {
  Rcode rcode{};
};

// The reply does not hold all it should: ask again over TCP.
struct TruncatedReply {};

enum class ReplyFault : uint8_t {
  cut_short,
  not_a_reply,
  wrong_question,
  too_many_records,
  name,
  record_size,
  two_aliases,
  alias_chain,
  records_too_large,
};
std::string_view text(ReplyFault fault);

struct MalformedReply {
  ReplyFault fault{};
};

using AddressReply =
    std::variant<Addresses, NoData, NoSuchName, UpstreamFailure, MalformedReply, TruncatedReply>;

// For a question of type A or AAAA.
AddressReply read_address_reply(std::span<const uint8_t> message, const Question& question);

// The message that puts the question to an upstream server, with EDNS; 0 if `room` is smaller than
// limits::udp_payload_min.
size_t write_query(std::span<uint8_t> room, uint16_t id, const Question& question);

}  // namespace ostiary::dns
