#include "tls/records.h"

#include <algorithm>

namespace ostiary::tls {
namespace {

constexpr size_t max_record = 16384;

// Of the record's header, as far as it is there.
Framing check_header(std::span<const uint8_t> header) {
  if (header[0] != handshake) return Framing::not_tls;
  if (header.size() > 1 && header[1] != major_version) return Framing::not_tls;
  if (header.size() < record_header_octets) return Framing::incomplete;
  const size_t octets = record_octets(header);
  return octets == 0 || octets > max_record ? Framing::malformed : Framing::whole;
}

}  // namespace

Message find_message(std::span<const uint8_t> stream, size_t max_octets) {
  Message message;
  size_t found = 0;  // octets of the message so far
  size_t wanted = message_header_octets;
  size_t length = 0;
  while (!stream.empty()) {
    const auto header = stream.first(std::min(record_header_octets, stream.size()));
    message.framing = check_header(header);
    if (message.framing == Framing::not_tls && found > 0) message.framing = Framing::malformed;
    if (message.framing != Framing::whole) return message;
    const size_t in_record = record_octets(header);
    const auto part = stream.subspan(record_header_octets);
    const size_t here = std::min(in_record, part.size());
    for (size_t i = 0; i < here && found + i < message_header_octets; ++i) {
      if (found + i == 0)
        message.type = part[i];
      else
        length = length << 8U | part[i];
      if (found + i + 1 == message_header_octets) wanted += length;
    }
    found += here;
    message.end += record_header_octets + in_record;
    const bool knows_length = found >= message_header_octets;
    if (knows_length && wanted > max_octets) return {.framing = Framing::too_long};
    // The record would hold another message too.
    if (knows_length && found - here + in_record > wanted) return {.framing = Framing::malformed};
    if (here < in_record) return {.framing = Framing::incomplete};
    if (knows_length && found == wanted) {
      message.octets = wanted;
      return message;
    }
    stream = part.subspan(in_record);
  }
  return {.framing = Framing::incomplete};
}

size_t octets_there(std::span<const uint8_t> stream) {
  size_t octets = 0;
  while (stream.size() > record_header_octets) {
    const size_t here = std::min(record_octets(stream), stream.size() - record_header_octets);
    octets += here;
    stream = stream.subspan(record_header_octets + here);
  }
  return octets;
}

uint8_t MessageReader::octet() {
  if (!ok_ || at_ == end_) {
    ok_ = false;
    return 0;
  }
  if (left_in_record_ == 0) {
    left_in_record_ = record_octets(stream_.subspan(next_));
    next_ += record_header_octets;
  }
  --left_in_record_;
  ++at_;
  return stream_[next_++];
}

uint32_t MessageReader::number(size_t octets) {
  uint32_t value = 0;
  for (size_t i = 0; i < octets; ++i) value = value << 8U | octet();
  return value;
}

void MessageReader::skip(size_t octets) {
  while (octets > 0 && ok_) {
    (void)octet();
    --octets;
    const size_t here = std::min({octets, left_in_record_, end_ - at_});
    next_ += here;
    at_ += here;
    left_in_record_ -= here;
    octets -= here;
  }
}

}  // namespace ostiary::tls
