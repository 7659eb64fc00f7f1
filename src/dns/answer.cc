#include "ostiary/dns/answer.h"

#include <algorithm>
#include <utility>

#include "ostiary/dns/cursor.h"

namespace ostiary::dns {
namespace {

constexpr uint16_t pointer_to_question = 0xc000 | limits::header_octets;
constexpr uint16_t option_extended_error = 15;
constexpr size_t flags_position = 2;
constexpr size_t answer_count_position = 6;

uint16_t first_flags(const Envelope& envelope, Rcode rcode) {
  return static_cast<uint16_t>(flag::response | flag::recursion_available | envelope.flags |
                               (std::to_underlying(rcode) & flag::rcode));
}

void write_head(Writer& out, const Envelope& envelope, Rcode rcode) {
  out.u16(envelope.id);
  out.u16(first_flags(envelope, rcode));
  out.u16(envelope.question.empty() ? 0 : 1);
  out.u16(0);
  out.u16(0);
  out.u16(envelope.edns ? 1 : 0);
  out.put(envelope.question);
}

// Copies the text into `room`, cut to fit but not inside a UTF-8 sequence.
std::span<const uint8_t> explanation_octets(std::string_view text, std::span<uint8_t> room) {
  size_t size = std::min(text.size(), room.size());
  const auto continues = [&](size_t at) { return (static_cast<uint8_t>(text[at]) & 0xc0) == 0x80; };
  while (size > 0 && size < text.size() && continues(size)) --size;
  std::ranges::transform(text.substr(0, size), room.begin(), [](char c) { return static_cast<uint8_t>(c); });
  return room.first(size);
}

void write_explanation(Writer& out, const Explanation& why) {
  std::array<uint8_t, limits::explanation_text_octets> room;
  const auto text = explanation_octets(why.text, room);
  out.u16(static_cast<uint16_t>(limits::explanation_header_octets + text.size()));
  out.u16(option_extended_error);
  out.u16(static_cast<uint16_t>(2 + text.size()));
  out.u16(std::to_underlying(why.code));
  out.put(text);
}

void write_opt(Writer& out, const Envelope& envelope, Rcode rcode, const std::optional<Explanation>& why) {
  if (!envelope.edns) return;
  out.u8(0);
  out.u16(std::to_underlying(RecordType::opt));
  out.u16(limits::udp_payload_max);
  out.u8(static_cast<uint8_t>(std::to_underlying(rcode) >> 4));
  out.u8(0);
  out.u16(envelope.edns->flags);
  if (why)
    write_explanation(out, *why);
  else
    out.u16(0);
}

void write_record(Writer& out, RecordType type, std::chrono::seconds ttl, std::span<const uint8_t> rdata) {
  out.u16(pointer_to_question);
  out.u16(std::to_underlying(type));
  out.u16(class_internet);
  out.u32(static_cast<uint32_t>(std::clamp(ttl, std::chrono::seconds(0), limits::ttl_max).count()));
  out.u16(static_cast<uint16_t>(rdata.size()));
  out.put(rdata);
}

// Writes the header, the records of `write_all`, which returns their number, and the OPT record. If
// they do not fit, writes no records and sets TC.
template <typename WriteAll>
size_t write_answer(std::span<uint8_t> room, const Envelope& envelope, WriteAll write_all) {
  if (room.size() < limits::udp_payload_min || envelope.question.empty()) return 0;
  Writer out(room);
  write_head(out, envelope, Rcode::no_error);
  const size_t head = out.size();
  const size_t count = write_all(out);
  write_opt(out, envelope, Rcode::no_error, std::nullopt);
  if (out.ok()) {
    out.replace_u16(answer_count_position, static_cast<uint16_t>(count));
    return out.size();
  }
  out.rewind(head);
  out.replace_u16(flags_position, first_flags(envelope, Rcode::no_error) | flag::truncated);
  write_opt(out, envelope, Rcode::no_error, std::nullopt);
  return out.ok() ? out.size() : 0;
}

}  // namespace

size_t answer_limit(const Envelope& envelope, Transport transport) {
  if (transport == Transport::tcp) return limits::answer_octets;
  return envelope.edns ? envelope.edns->udp_payload : limits::udp_payload_min;
}

size_t write_addresses(std::span<uint8_t> room, const Envelope& envelope,
                       std::span<const inet::IpAddress> addresses, std::chrono::seconds ttl) {
  return write_answer(room, envelope, [&](Writer& out) {
    for (const auto& address : addresses) {
      const bool is_v4 = address.family() == inet::Family::ipv4;
      write_record(out, is_v4 ? RecordType::a : RecordType::aaaa, ttl, address.octets());
    }
    return addresses.size();
  });
}

size_t write_records(std::span<uint8_t> room, const Envelope& envelope, const RrSet& records) {
  return write_answer(room, envelope, [&](Writer& out) {
    for (const auto& rdata : records.rdata) write_record(out, records.type, records.ttl, rdata);
    return records.rdata.size();
  });
}

size_t write_empty(std::span<uint8_t> room, const Envelope& envelope, Rcode rcode,
                   const std::optional<Explanation>& why) {
  if (room.size() < limits::udp_payload_min) return 0;
  Writer out(room);
  write_head(out, envelope, rcode);
  write_opt(out, envelope, rcode, why);
  return out.ok() ? out.size() : 0;
}

size_t write_refusal(std::span<uint8_t> room, const Refusal& refusal) {
  return write_empty(room, refusal.envelope, refusal.rcode);
}

}  // namespace ostiary::dns
