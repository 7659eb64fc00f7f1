#include "ostiary/dns/query.h"

#include <algorithm>

#include "ostiary/dns/cursor.h"

namespace ostiary::dns {
namespace {

struct Header {
  uint16_t id, flags, questions, answers, authorities, additionals;
};

Header read_header(Reader& cursor) {
  Header header{};
  header.id = cursor.u16();
  header.flags = cursor.u16();
  header.questions = cursor.u16();
  header.answers = cursor.u16();
  header.authorities = cursor.u16();
  header.additionals = cursor.u16();
  return header;
}

std::optional<RefusalReason> check(const Header& header) {
  if ((header.flags & flag::opcode) != 0) return RefusalReason::opcode;
  if (header.questions != 1) return RefusalReason::question_count;
  if (header.answers != 0) return RefusalReason::answer_section;
  if (header.authorities != 0) return RefusalReason::authority_section;
  return std::nullopt;
}

// Whether the type is not allowed in a question: OPT, and the types that do not ask for records
// (RFC 6895, 3.1), except ANY.
bool is_meta(RecordType type) {
  const auto number = static_cast<uint16_t>(type);
  return type == RecordType::opt || (number >= 128 && number < 255);
}

// Whether every option lies within the record and no octets follow the last. Their contents are
// ignored.
bool options_are_whole(std::span<const uint8_t> options) {
  Reader cursor(options);
  while (cursor.ok() && cursor.left() > 0) {
    cursor.u16();
    cursor.take(cursor.u16());
  }
  return cursor.ok();
}

struct Opt {
  Edns edns;
  uint8_t version = 0;
};

std::expected<Opt, RefusalReason> read_opt(Reader& cursor) {
  const uint8_t owner = cursor.u8();
  const RecordType type{cursor.u16()};
  if (!cursor.ok()) return std::unexpected(RefusalReason::cut_short);
  if (owner != 0 || type != RecordType::opt) return std::unexpected(RefusalReason::additional_section);
  const uint16_t payload = cursor.u16();
  cursor.u8();  // the extended code, which has no meaning in a question
  Opt opt;
  opt.version = cursor.u8();
  opt.edns.flags = cursor.u16() & flag::dnssec_ok;
  opt.edns.udp_payload = std::clamp(payload, limits::udp_payload_min, limits::udp_payload_max);
  const auto options = cursor.take(cursor.u16());
  if (!cursor.ok()) return std::unexpected(RefusalReason::cut_short);
  if (!options_are_whole(options)) return std::unexpected(RefusalReason::edns_malformed);
  return opt;
}

Rcode rcode_of(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::opcode:
    case RefusalReason::meta_type:
      return Rcode::not_implemented;
    case RefusalReason::edns_version:
      return Rcode::bad_version;
    case RefusalReason::query_class:
      return Rcode::refused;
    default:
      return Rcode::format_error;
  }
}

// Fills in `query` up to the first fault, so that the refusal can repeat the question and use EDNS.
std::optional<RefusalReason> read_body(Reader& cursor, uint16_t additionals, Query& query) {
  const size_t start = cursor.position();
  const auto name = WireName::read(cursor);
  if (!name) return name.error() == NameFault::cut_short ? RefusalReason::cut_short : RefusalReason::name;
  query.name = *name;
  query.type = RecordType{cursor.u16()};
  const uint16_t query_class = cursor.u16();
  if (!cursor.ok()) return RefusalReason::cut_short;
  query.envelope.question = cursor.message().subspan(start, cursor.position() - start);

  if (additionals > 1) return RefusalReason::additional_section;
  uint8_t version = 0;
  if (additionals == 1) {
    const auto opt = read_opt(cursor);
    if (!opt) return opt.error();
    query.envelope.edns = opt->edns;
    version = opt->version;
  }
  if (cursor.left() != 0) return RefusalReason::trailing_octets;
  if (version != 0) return RefusalReason::edns_version;
  if (query_class != class_internet) return RefusalReason::query_class;
  if (is_meta(query.type)) return RefusalReason::meta_type;
  return std::nullopt;
}

}  // namespace

QueryReading read_query(std::span<const uint8_t> message) {
  Reader cursor(message);
  const Header header = read_header(cursor);
  if (!cursor.ok()) return Ignored::too_short;
  if ((header.flags & flag::response) != 0) return Ignored::response;

  QueryReading reading{std::in_place_type<Query>};
  Query& query = std::get<Query>(reading);
  query.envelope.id = header.id;
  query.envelope.flags = header.flags & (flag::opcode | flag::recursion_desired | flag::checking_disabled);
  auto refused = check(header);
  if (!refused) refused = read_body(cursor, header.additionals, query);
  if (refused) return Refusal{query.envelope, rcode_of(*refused), *refused};
  return reading;
}

std::string_view text(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::opcode:
      return "the operation is not QUERY";
    case RefusalReason::question_count:
      return "the message does not hold exactly one question";
    case RefusalReason::answer_section:
      return "the question has answer records";
    case RefusalReason::authority_section:
      return "the question has authority records";
    case RefusalReason::name:
      return "the name is malformed";
    case RefusalReason::cut_short:
      return "the message is cut short";
    case RefusalReason::additional_section:
      return "the question has additional records other than one OPT";
    case RefusalReason::edns_malformed:
      return "the OPT record is malformed";
    case RefusalReason::trailing_octets:
      return "octets follow the message";
    case RefusalReason::edns_version:
      return "the EDNS version is not 0";
    case RefusalReason::query_class:
      return "the class is not IN";
    case RefusalReason::meta_type:
      return "the type does not ask for records";
  }
  return "the question is malformed";
}

}  // namespace ostiary::dns
