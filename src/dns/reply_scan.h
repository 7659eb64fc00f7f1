// dns/reply_scan.h: where the records of a reply are, and which of them a question leads to.
// Nothing is copied but places; every record of the answer section has been checked to lie within the
// message.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <variant>

#include "ostiary/dns/cursor.h"
#include "ostiary/dns/reply.h"
#include "ostiary/dns/ttl.h"

namespace ostiary::dns {

struct RecordPlace {
  uint16_t owner = 0;
  uint16_t rdata = 0;
  uint16_t rdata_size = 0;
  RecordType type{};
  uint32_t ttl = 0;
};

// Why there is nothing to look for in a reply.
using ReplyTrouble = std::variant<UpstreamFailure, MalformedReply, TruncatedReply>;

class ReplyScan {
 public:
  // The reply's places, if it is a whole reply to this question that says NOERROR or NXDOMAIN.
  static std::expected<ReplyScan, ReplyTrouble> read(std::span<const uint8_t> message,
                                                     const Question& question);

  Rcode rcode() const { return rcode_; }
  std::span<const RecordPlace> answers() const { return std::span(answers_).first(count_); }
  // What the authority section's SOA allows (RFC 2308, 5).
  std::optional<std::chrono::seconds> negative_ttl() const { return negative_ttl_; }

  bool owns(const WireName& name, const RecordPlace& record) const;
  std::span<const uint8_t> rdata(const RecordPlace& record) const {
    return message_.subspan(record.rdata, record.rdata_size);
  }
  // A cursor at the record's RDATA that can follow pointers out of it.
  Reader reader_at(const RecordPlace& record) const;
  // The one name that is the whole RDATA.
  std::expected<WireName, ReplyFault> target(const RecordPlace& record) const;

 private:
  explicit ReplyScan(std::span<const uint8_t> message) : message_(message) {}
  std::optional<ReplyTrouble> read_all(const Question& question);
  enum class Section : uint8_t { answer, authority, additional };
  std::optional<ReplyFault> read_record(Reader& cursor, Section section);
  void note_soa(Reader soa, const RecordPlace& record);

  std::span<const uint8_t> message_;
  Rcode rcode_{};
  std::optional<std::chrono::seconds> negative_ttl_;
  size_t count_ = 0;
  std::array<RecordPlace, limits::reply_records> answers_;  // only the first count_ mean something
};

// The end of the chain of aliases that begins at the question's name.
struct ChainEnd {
  WireName owner;
  std::chrono::seconds ttl = limits::ttl_max;  // the least of the aliases'
  bool has_records = false;                    // of the asked type
};
std::expected<ChainEnd, ReplyFault> follow_aliases(const ReplyScan& scan, const Question& question);

// A TTL as RFC 2181, 8 reads it: with the top bit set it is 0.
std::chrono::seconds wire_ttl(uint32_t ttl);

// What a reply says to the question: why there is nothing, or what `collect` makes of the records at the
// chain's end.
template <typename Reply>
Reply read_reply(std::span<const uint8_t> message, const Question& question,
                 Reply (*collect)(const ReplyScan&, const ChainEnd&, RecordType)) {
  const auto scan = ReplyScan::read(message, question);
  if (!scan) return std::visit([](const auto& what) -> Reply { return what; }, scan.error());
  const auto end = follow_aliases(*scan, question);
  if (!end) return MalformedReply{end.error()};
  const auto absent = negative_ttl(std::min(end->ttl, scan->negative_ttl().value_or(limits::ttl_min)));
  if (scan->rcode() == Rcode::no_such_name) return NoSuchName{absent};
  if (!end->has_records) return NoData{absent};
  return collect(*scan, *end, question.type);
}

}  // namespace ostiary::dns
