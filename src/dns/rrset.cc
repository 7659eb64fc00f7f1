#include "ostiary/dns/rrset.h"

#include <algorithm>
#include <utility>

#include "dns/reply_scan.h"
#include "ttl.h"

namespace ostiary::dns {
namespace {

// The fields of a type's RDATA:
//   n        a name
//   s        a string that begins with its length
//   S        one or more such strings
//   1, 2, 4  that number of octets
//   *        the rest
std::string_view layout(RecordType type) {
  switch (type) {
    case RecordType::a:
      return "4";
    case RecordType::ns:
    case RecordType::cname:
    case RecordType::ptr:
    case RecordType::dname:
      return "n";
    case RecordType::soa:
      return "nn44444";
    case RecordType::mx:
      return "2n";
    case RecordType::txt:
      return "S";
    case RecordType::aaaa:
      return "4444";
    case RecordType::srv:
      return "222n";
    case RecordType::naptr:
      return "22sssn";
    case RecordType::caa:
      return "1s*";
    default:
      return "*";
  }
}

class RdataCopy {
 public:
  RdataCopy(const ReplyScan& scan, const RecordPlace& record)
      : cursor_(scan.reader_at(record)), end_(size_t{record.rdata} + record.rdata_size) {}

  std::expected<std::vector<uint8_t>, ReplyFault> copy(std::string_view fields) {
    for (const char field : fields)
      if (const auto fault = copy_field(field)) return std::unexpected(*fault);
    if (!cursor_.ok() || cursor_.position() != end_) return std::unexpected(ReplyFault::record_size);
    return std::move(octets_);
  }

 private:
  std::optional<ReplyFault> copy_field(char field) {
    switch (field) {
      case 'n':
        return copy_name();
      case 's':
        return copy_string();
      case 'S':
        do {
          if (const auto fault = copy_string()) return fault;
        } while (left() > 0);
        return std::nullopt;
      case '*':
        return copy_octets(left());
      default:
        return copy_octets(static_cast<size_t>(field - '0'));
    }
  }
  std::optional<ReplyFault> copy_octets(size_t count) {
    if (count > left()) return ReplyFault::record_size;
    const auto octets = cursor_.take(count);
    octets_.insert(octets_.end(), octets.begin(), octets.end());
    return std::nullopt;
  }
  std::optional<ReplyFault> copy_string() {
    if (left() == 0) return ReplyFault::record_size;
    return copy_octets(size_t{1} + cursor_.message()[cursor_.position()]);
  }
  std::optional<ReplyFault> copy_name() {
    const auto name = WireName::read_compressed(cursor_);
    if (!name) return ReplyFault::name;
    const auto octets = name->octets();
    octets_.insert(octets_.end(), octets.begin(), octets.end());
    return std::nullopt;
  }
  size_t left() const { return end_ - std::min(end_, cursor_.position()); }

  Reader cursor_;
  size_t end_;
  std::vector<uint8_t> octets_;
};

RecordReply collect(const ReplyScan& scan, const ChainEnd& end, RecordType type) {
  RrSet found{.type = type, .ttl = end.ttl, .rdata = {}};
  size_t octets = 0;
  for (const RecordPlace& record : scan.answers()) {
    if (record.type != type || !scan.owns(end.owner, record)) continue;
    auto rdata = RdataCopy(scan, record).copy(layout(type));
    if (!rdata) return MalformedReply{rdata.error()};
    octets += rdata->size();
    if (octets > limits::rrset_octets || found.rdata.size() == limits::rrset_records)
      return MalformedReply{ReplyFault::records_too_large};
    found.ttl = std::min(found.ttl, wire_ttl(record.ttl));
    found.rdata.push_back(*std::move(rdata));
  }
  found.ttl = positive_ttl(found.ttl);
  return found;
}

}  // namespace

RecordReply read_record_reply(std::span<const uint8_t> message, const Question& question) {
  return read_reply(message, question, collect);
}

}  // namespace ostiary::dns
