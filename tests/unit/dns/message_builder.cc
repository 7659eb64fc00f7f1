#include "message_builder.h"

#include <algorithm>

namespace ostiary::dns::testing {

Bytes& operator+=(Bytes& to, const Bytes& more) {
  to.insert(to.end(), more.begin(), more.end());
  return to;
}

Bytes u16(size_t value) {
  return {static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

Bytes u32(size_t value) {
  Bytes octets = u16(value >> 16);
  octets += u16(value & 0xffff);
  return octets;
}

Bytes pointer(size_t target) {
  return u16(0xc000 | target);
}

Bytes label(std::string_view text) {
  Bytes octets(1 + text.size(), static_cast<uint8_t>(text.size()));
  std::ranges::copy(text, octets.begin() + 1);
  return octets;
}

Bytes name(std::string_view text) {
  Bytes octets;
  while (!text.empty()) {
    const auto part = text.substr(0, text.find('.'));
    octets += label(part);
    text.remove_prefix(part.size() < text.size() ? part.size() + 1 : text.size());
  }
  octets.push_back(0);
  return octets;
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all += part;
  return all;
}

Bytes header(size_t id, size_t flags, size_t qd, size_t an, size_t ns, size_t ar) {
  return joined({u16(id), u16(flags), u16(qd), u16(an), u16(ns), u16(ar)});
}

Bytes record(const Bytes& owner, size_t type, size_t ttl, const Bytes& rdata, size_t record_class) {
  return joined({owner, u16(type), u16(record_class), u32(ttl), u16(rdata.size()), rdata});
}

Bytes opt(size_t payload, size_t ttl, const Bytes& options) {
  return record({0}, 41, ttl, options, payload);
}

Bytes question(std::string_view owner, size_t type, size_t question_class) {
  return joined({name(owner), u16(type), u16(question_class)});
}

Bytes query(std::string_view owner, size_t type) {
  return joined({header(0x1234, recursion_desired, 1, 0, 0, 0), question(owner, type)});
}

Bytes edns_query(std::string_view owner, size_t type, const Bytes& opt_record) {
  return joined({header(0x1234, recursion_desired, 1, 0, 0, 1), question(owner, type), opt_record});
}

Bytes reply(const Bytes& asked, const std::vector<Bytes>& answers, size_t flags,
            const std::vector<Bytes>& authorities, const std::vector<Bytes>& additionals) {
  Bytes message = header(0x1234, flags, 1, answers.size(), authorities.size(), additionals.size());
  message += asked;
  for (const auto* section : {&answers, &authorities, &additionals})
    for (const Bytes& each : *section) message += each;
  return message;
}

}  // namespace ostiary::dns::testing
