#include "ostiary/dns/reply.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "dns/reply_scan.h"
#include "ttl.h"

namespace ostiary::dns {
namespace {

// Returns the address, or nothing for an IPv4-mapped address in an AAAA record: it is not IPv6.
std::optional<inet::IpAddress> address_in(std::span<const uint8_t> rdata) {
  if (rdata.size() == 4) {
    std::array<uint8_t, 4> octets{};
    std::ranges::copy(rdata, octets.begin());
    return inet::IpAddress::v4(octets);
  }
  std::array<uint8_t, 16> octets{};
  std::ranges::copy(rdata, octets.begin());
  const auto address = inet::IpAddress::v6(octets);
  if (address.family() != inet::Family::ipv6) return std::nullopt;
  return address;
}

AddressReply collect(const ReplyScan& scan, const ChainEnd& end, RecordType type) {
  const size_t size = type == RecordType::a ? 4 : 16;
  Addresses found;
  auto ttl = end.ttl;
  for (const RecordPlace& record : scan.answers()) {
    if (record.type != type || !scan.owns(end.owner, record)) continue;
    if (record.rdata_size != size) return MalformedReply{ReplyFault::record_size};
    ttl = std::min(ttl, wire_ttl(record.ttl));
    const auto address = address_in(scan.rdata(record));
    if (address && found.list.add(*address) == AddressList::Added::full) ++found.dropped;
  }
  if (found.list.empty()) return NoData{negative_ttl(ttl)};
  found.ttl = positive_ttl(ttl);
  return found;
}

}  // namespace

AddressReply read_address_reply(std::span<const uint8_t> message, const Question& question) {
  if (question.type != RecordType::a && question.type != RecordType::aaaa)
    return MalformedReply{ReplyFault::wrong_question};
  return read_reply(message, question, collect);
}

size_t write_query(std::span<uint8_t> room, uint16_t id, const Question& question) {
  if (room.size() < limits::udp_payload_min) return 0;
  Writer out(room);
  out.u16(id);
  out.u16(flag::recursion_desired);
  constexpr uint16_t counts[] = {1, 0, 0, 1};
  for (const uint16_t count : counts) out.u16(count);
  out.put(question.name.octets());
  out.u16(std::to_underlying(question.type));
  out.u16(class_internet);
  out.u8(0);
  out.u16(std::to_underlying(RecordType::opt));
  out.u16(limits::udp_payload_max);
  out.u32(0);
  out.u16(0);
  return out.ok() ? out.size() : 0;
}

std::string_view text(ReplyFault fault) {
  switch (fault) {
    case ReplyFault::cut_short:
      return "the reply is cut short";
    case ReplyFault::not_a_reply:
      return "the message is not a reply to a query";
    case ReplyFault::wrong_question:
      return "the reply answers another question";
    case ReplyFault::too_many_records:
      return "the reply holds more than 512 records";
    case ReplyFault::name:
      return "a name in the reply is malformed";
    case ReplyFault::record_size:
      return "a record's length does not match its type";
    case ReplyFault::two_aliases:
      return "a name has two aliases";
    case ReplyFault::alias_chain:
      return "the chain of aliases loops or has more than 16 links";
    case ReplyFault::records_too_large:
      return "the reply has too many records of the asked type, or they are too large";
  }
  return "the reply is malformed";
}

}  // namespace ostiary::dns
