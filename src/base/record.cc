#include "ostiary/base/record.h"

namespace ostiary {

RecordWriter& RecordWriter::number(uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) octets_.push_back(static_cast<char>(value >> shift & 0xffU));
  return *this;
}

RecordWriter& RecordWriter::text(std::string_view value) {
  number(static_cast<uint32_t>(value.size()));
  octets_ += value;
  return *this;
}

uint32_t RecordReader::number() {
  uint32_t value = 0;
  for (const char octet : take(sizeof value)) value = value << 8U | static_cast<uint8_t>(octet);
  return value;
}

std::string RecordReader::text() {
  return std::string(take(number()));
}

std::string_view RecordReader::take(size_t count) {
  if (!ok_ || count > rest_.size()) {
    ok_ = false;
    return {};
  }
  const std::string_view octets = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return octets;
}

}  // namespace ostiary
