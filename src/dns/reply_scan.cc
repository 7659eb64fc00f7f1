#include "dns/reply_scan.h"

#include <algorithm>
#include <utility>

namespace ostiary::dns {
namespace {

ReplyFault fault_of(NameFault fault) {
  return fault == NameFault::cut_short ? ReplyFault::cut_short : ReplyFault::name;
}

bool is_error(Rcode rcode) {
  return rcode != Rcode::no_error && rcode != Rcode::no_such_name;
}

std::optional<ReplyFault> read_question(Reader& cursor, const Question& question) {
  const auto name = WireName::read(cursor);
  if (!name) return fault_of(name.error());
  const RecordType type{cursor.u16()};
  const uint16_t question_class = cursor.u16();
  if (!cursor.ok()) return ReplyFault::cut_short;
  if (*name != question.name || type != question.type || question_class != class_internet)
    return ReplyFault::wrong_question;
  return std::nullopt;
}

}  // namespace

std::chrono::seconds wire_ttl(uint32_t ttl) {
  return std::chrono::seconds(ttl > 0x7fffffff ? 0 : ttl);
}

std::expected<ReplyScan, ReplyTrouble> ReplyScan::read(std::span<const uint8_t> message,
                                                       const Question& question) {
  ReplyScan scan(message);
  if (auto trouble = scan.read_all(question)) return std::unexpected(*trouble);
  return scan;
}

std::optional<ReplyTrouble> ReplyScan::read_all(const Question& question) {
  Reader cursor(message_);
  cursor.u16();  // the id
  const uint16_t flags = cursor.u16();
  const uint16_t questions = cursor.u16();
  const size_t counts[] = {cursor.u16(), cursor.u16(), cursor.u16()};
  if (!cursor.ok() || message_.size() > limits::message_octets) return MalformedReply{ReplyFault::cut_short};
  if ((flags & flag::response) == 0 || (flags & flag::opcode) != 0)
    return MalformedReply{ReplyFault::not_a_reply};
  rcode_ = Rcode{static_cast<uint16_t>(flags & flag::rcode)};
  // A server that cannot read the question does not have to repeat it.
  if (questions == 0 && is_error(rcode_)) return UpstreamFailure{rcode_};
  if (questions != 1) return MalformedReply{ReplyFault::wrong_question};
  if (const auto fault = read_question(cursor, question)) return MalformedReply{*fault};
  if ((flags & flag::truncated) != 0) return TruncatedReply{};
  if (counts[0] + counts[1] + counts[2] > limits::reply_records)
    return MalformedReply{ReplyFault::too_many_records};
  for (const Section section : {Section::answer, Section::authority, Section::additional})
    for (size_t i = 0; i < counts[std::to_underlying(section)]; ++i)
      if (const auto fault = read_record(cursor, section)) return MalformedReply{*fault};
  if (is_error(rcode_)) return UpstreamFailure{rcode_};
  return std::nullopt;
}

std::optional<ReplyFault> ReplyScan::read_record(Reader& cursor, Section section) {
  RecordPlace record;
  record.owner = static_cast<uint16_t>(cursor.position());
  const auto owner = WireName::read_compressed(cursor);
  if (!owner) return fault_of(owner.error());
  record.type = RecordType{cursor.u16()};
  const uint16_t record_class = cursor.u16();
  record.ttl = cursor.u32();
  record.rdata_size = cursor.u16();
  record.rdata = static_cast<uint16_t>(cursor.position());
  const Reader rdata = cursor;
  cursor.take(record.rdata_size);
  if (!cursor.ok()) return ReplyFault::cut_short;

  if (section == Section::additional && record.type == RecordType::opt)
    rcode_ = Rcode{static_cast<uint16_t>(std::to_underlying(rcode_) | (record.ttl >> 24) << 4)};
  if (record_class != class_internet) return std::nullopt;
  if (section == Section::answer) answers_[count_++] = record;
  if (section == Section::authority && record.type == RecordType::soa) note_soa(rdata, record);
  return std::nullopt;
}

// Ignores a malformed SOA record: it only sets the negative TTL, so the rest of the reply stays
// valid.
void ReplyScan::note_soa(Reader soa, const RecordPlace& record) {
  if (!WireName::read_compressed(soa) || !WireName::read_compressed(soa)) return;
  soa.take(16);  // serial, refresh, retry, expire
  const auto minimum = wire_ttl(soa.u32());
  if (!soa.ok() || soa.position() != size_t{record.rdata} + record.rdata_size) return;
  negative_ttl_ = std::min({minimum, wire_ttl(record.ttl), negative_ttl_.value_or(limits::ttl_max)});
}

Reader ReplyScan::reader_at(const RecordPlace& record) const {
  Reader cursor(message_);
  cursor.seek(record.rdata);
  return cursor;
}

bool ReplyScan::owns(const WireName& name, const RecordPlace& record) const {
  Reader cursor(message_);
  cursor.seek(record.owner);
  const auto owner = WireName::read_compressed(cursor);
  return owner && *owner == name;
}

std::expected<WireName, ReplyFault> ReplyScan::target(const RecordPlace& record) const {
  Reader cursor = reader_at(record);
  const auto name = WireName::read_compressed(cursor);
  if (!name) return std::unexpected(fault_of(name.error()));
  if (cursor.position() != size_t{record.rdata} + record.rdata_size)
    return std::unexpected(ReplyFault::record_size);
  return *name;
}

namespace {

struct Alias {
  WireName target;
  std::chrono::seconds ttl;
};

// The records at a name: records of the asked type, one alias, or none of these.
struct Found {
  bool records = false;
  std::optional<Alias> alias;
};

std::expected<Found, ReplyFault> look_at(const ReplyScan& scan, const WireName& name, RecordType type) {
  Found found;
  for (const RecordPlace& record : scan.answers()) {
    if (record.type != type && record.type != RecordType::cname) continue;
    if (!scan.owns(name, record)) continue;
    if (record.type == type) {
      found.records = true;
      continue;
    }
    const auto target = scan.target(record);
    if (!target) return std::unexpected(target.error());
    if (found.alias && found.alias->target != *target) return std::unexpected(ReplyFault::two_aliases);
    const auto ttl = found.alias ? found.alias->ttl : limits::ttl_max;
    found.alias = Alias{*target, std::min(ttl, wire_ttl(record.ttl))};
  }
  return found;
}

}  // namespace

std::expected<ChainEnd, ReplyFault> follow_aliases(const ReplyScan& scan, const Question& question) {
  ChainEnd end{.owner = question.name};
  for (size_t links = 0; links <= limits::alias_links; ++links) {
    const auto found = look_at(scan, end.owner, question.type);
    if (!found) return std::unexpected(found.error());
    end.has_records = found->records;
    if (found->records || !found->alias) return end;
    end.owner = found->alias->target;
    end.ttl = std::min(end.ttl, found->alias->ttl);
  }
  return std::unexpected(ReplyFault::alias_chain);
}

}  // namespace ostiary::dns
