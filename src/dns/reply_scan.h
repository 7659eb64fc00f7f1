// dns/reply_scan.h: locates the records of a reply, and follows a question's aliases to them.
// - Only positions are stored. No record is copied.
// - Every stored record lies within the message.
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
#include "ttl.h"

namespace ostiary::dns {

struct RecordPlace {
  uint16_t owner = 0;
  uint16_t rdata = 0;
  uint16_t rdata_size = 0;
  RecordType type{};
  uint32_t ttl = 0;
};

// The reason that a reply has no usable records.
using ReplyTrouble = std::variant<UpstreamFailure, MalformedReply, TruncatedReply>;

class ReplyScan {
 public:
  // Succeeds for a complete reply to this question with NOERROR or NXDOMAIN.
  static std::expected<ReplyScan, ReplyTrouble> read(std::span<const uint8_t> message,
                                                     const Question& question);

  Rcode rcode() const { return rcode_; }
  std::span<const RecordPlace> answers() const { return std::span(answers_).first(count_); }
  // The TTL from the SOA record in the authority section (RFC 2308, 5).
  std::optional<std::chrono::seconds> negative_ttl() const { return negative_ttl_; }

  bool owns(const WireName& name, const RecordPlace& record) const;
  std::span<const uint8_t> rdata(const RecordPlace& record) const {
    return message_.subspan(record.rdata, record.rdata_size);
  }
  // A cursor at the record's RDATA. It covers the whole message, so it can follow pointers.
  Reader reader_at(const RecordPlace& record) const;
  // The name that the RDATA consists of.
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
  std::array<RecordPlace, limits::reply_records> answers_;  // the first count_ elements are valid
};

// The end of the chain of aliases that begins at the question's name.
struct ChainEnd {
  WireName owner;
  std::chrono::seconds ttl = limits::ttl_max;  // the minimum over the aliases
  bool has_records = false;                    // whether the owner has records of the asked type
};
std::expected<ChainEnd, ReplyFault> follow_aliases(const ReplyScan& scan, const Question& question);

// A TTL with the top bit set counts as 0 (RFC 2181, 8).
std::chrono::seconds wire_ttl(uint32_t ttl);

// Reads a whole reply. Returns the reason that there are no records, or the result of `collect` for
// the end of the alias chain.
template <typename Reply>
Reply read_reply(std::span<const uint8_t> message, const Question& question,
                 Reply (*collect)(const ReplyScan&, const ChainEnd&, RecordType)) {
  const auto scan = ReplyScan::read(message, question);
  if (!scan) return std::visit([](const auto& trouble) -> Reply { return trouble; }, scan.error());
  const auto end = follow_aliases(*scan, question);
  if (!end) return MalformedReply{end.error()};
  const auto absent = negative_ttl(std::min(end->ttl, scan->negative_ttl().value_or(limits::ttl_min)));
  if (scan->rcode() == Rcode::no_such_name) return NoSuchName{absent};
  if (!end->has_records) return NoData{absent};
  return collect(*scan, *end, question.type);
}

}  // namespace ostiary::dns
