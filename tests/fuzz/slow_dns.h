// tests/fuzz/slow_dns.h: another reader of DNS messages, written from RFC 1035 and independent of
// src/dns. It is slow and simple, and throws std::out_of_range for a message that it cannot read.
#pragma once

#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "fuzz.h"

namespace ostiary::fuzz {

struct SlowCursor {
  Bytes message;
  size_t at = 0;

  uint8_t octet() {
    if (at >= message.size()) throw std::out_of_range("the end");
    return message[at++];
  }
  uint32_t number(size_t octets) {
    uint32_t value = 0;
    for (; octets > 0; --octets) value = value << 8U | octet();
    return value;
  }
  Bytes take(size_t count) {
    if (count > message.size() - at) throw std::out_of_range("the end");
    const Bytes taken = message.subspan(at, count);
    at += count;
    return taken;
  }
  // Labels with their lengths, in lower case, without the root. A dot in a label does not separate
  // labels.
  std::string name() {
    std::string labels;
    std::optional<size_t> back;
    for (size_t steps = 0;; ++steps) {
      if (steps > 1000) throw std::out_of_range("a loop");
      const uint8_t length = octet();
      if (length == 0) break;
      if (length >= 0xc0) {
        const size_t target = (length & 0x3fU) << 8U | octet();
        if (!back) back = at;
        at = target;
        continue;
      }
      if (length > 63) throw std::out_of_range("a label");
      labels += static_cast<char>(length);
      for (const uint8_t c : take(length)) labels += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    if (labels.size() > 254) throw std::out_of_range("a long name");
    if (back) at = *back;
    return labels;
  }
};

struct SlowRecord {
  std::string owner;
  uint16_t type = 0;
  uint16_t record_class = 0;
  uint32_t ttl = 0;
  size_t rdata_at = 0;
  Bytes rdata;
};

struct SlowMessage {
  Bytes octets;
  uint16_t id = 0, flags = 0, questions = 0;
  std::string name;  // of the first question
  uint16_t type = 0, question_class = 0;
  Bytes question;
  std::vector<SlowRecord> answers, authorities, additionals;
  size_t end = 0;  // after the last record

  unsigned rcode() const { return flags & 15U; }
  bool is_response() const { return (flags & 0x8000U) != 0; }

  // The name that is the whole RDATA of the record.
  std::string target(const SlowRecord& record) const {
    SlowCursor cursor{octets, record.rdata_at};
    std::string whole = cursor.name();
    if (cursor.at != record.rdata_at + record.rdata.size()) throw std::out_of_range("a target");
    return whole;
  }
  std::vector<const SlowRecord*> at(const std::string& owner, uint16_t wanted) const {
    std::vector<const SlowRecord*> found;
    for (const SlowRecord& each : answers)
      if (each.owner == owner && each.type == wanted && each.record_class == 1) found.push_back(&each);
    return found;
  }
};

inline SlowRecord read_slow_record(SlowCursor& cursor) {
  SlowRecord record;
  record.owner = cursor.name();
  record.type = static_cast<uint16_t>(cursor.number(2));
  record.record_class = static_cast<uint16_t>(cursor.number(2));
  record.ttl = cursor.number(4);
  const size_t size = cursor.number(2);
  record.rdata_at = cursor.at;
  record.rdata = cursor.take(size);
  return record;
}

inline SlowMessage read_slowly(Bytes octets) {
  SlowCursor cursor{octets};
  SlowMessage message;
  message.octets = octets;
  message.id = static_cast<uint16_t>(cursor.number(2));
  message.flags = static_cast<uint16_t>(cursor.number(2));
  message.questions = static_cast<uint16_t>(cursor.number(2));
  size_t counts[3];
  for (size_t& count : counts) count = cursor.number(2);
  for (size_t i = 0; i < message.questions; ++i) {
    const size_t start = cursor.at;
    std::string name = cursor.name();
    const auto type = static_cast<uint16_t>(cursor.number(2));
    const auto question_class = static_cast<uint16_t>(cursor.number(2));
    if (i > 0) continue;
    message.name = std::move(name);
    message.type = type;
    message.question_class = question_class;
    message.question = octets.subspan(start, cursor.at - start);
  }
  std::vector<SlowRecord>* sections[] = {&message.answers, &message.authorities, &message.additionals};
  for (size_t i = 0; i < 3; ++i)
    for (size_t n = 0; n < counts[i]; ++n) sections[i]->push_back(read_slow_record(cursor));
  message.end = cursor.at;
  return message;
}

// Every name that the question leads to: the name itself, and the targets of its aliases.
inline std::set<std::string> reached(const SlowMessage& message, const std::string& asked) {
  std::set<std::string> names{asked};
  for (bool more = true; more;) {
    more = false;
    for (const SlowRecord& each : message.answers) {
      if (each.type != 5 || each.record_class != 1 || !names.contains(each.owner)) continue;
      try {
        more = names.insert(message.target(each)).second || more;
      } catch (const std::out_of_range&) {  // an alias whose target cannot be read
      }
    }
  }
  return names;
}

// The addresses of these names, as octets.
inline std::set<std::string> addresses_reached(const SlowMessage& message, const std::string& asked,
                                               uint16_t type) {
  std::set<std::string> addresses;
  const size_t size = type == 1 ? 4 : 16;
  const auto names = reached(message, asked);
  for (const SlowRecord& each : message.answers)
    if (each.type == type && each.record_class == 1 && each.rdata.size() == size &&
        names.contains(each.owner))
      addresses.emplace(as_text(each.rdata));
  return addresses;
}

}  // namespace ostiary::fuzz
