// base/record.h: the encoding of messages between our own processes.
// - A record is a sequence of fields. Both ends know their order.
// - A reader accepts exactly what a writer writes. Malformed are: a prefix of a record, a record
//   with octets left over, and an enumerator that is not in the reader's list.
// - A failure is sticky: the fields after it are empty, and complete() stays false.
// - The reader takes no more memory than the octets that it reads.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "ostiary/base/result.h"

namespace ostiary {

template <typename T>
concept OctetEnum = std::is_enum_v<T> && sizeof(T) == 1;

// For an error in a record.
inline constexpr std::array every_exit{Exit::usage,         Exit::missing_input, Exit::unavailable,
                                       Exit::not_permitted, Exit::configuration, Exit::not_executable,
                                       Exit::not_found};

class RecordWriter {
 public:
  // Without it, octets that the record grows out of stay in freed memory: for secrets.
  RecordWriter& reserve(size_t octets) {
    octets_.reserve(octets);
    return *this;
  }
  template <OctetEnum Enum>
  RecordWriter& enumerator(Enum value) {
    octets_.push_back(static_cast<char>(value));
    return *this;
  }
  RecordWriter& number(uint32_t value);
  // At most 4 GiB.
  RecordWriter& text(std::string_view value);

  std::string take() { return std::move(octets_); }

 private:
  std::string octets_;
};

class RecordReader {
 public:
  // The octets must outlive the reader.
  explicit RecordReader(std::string_view octets) : rest_(octets) {}

  // One of the list; its first enumerator after a failure.
  template <OctetEnum Enum, size_t Count>
  Enum enumerator(const std::array<Enum, Count>& list) {
    const std::string_view octet = take(1);
    for (const Enum each : list)
      if (!octet.empty() && octet.front() == static_cast<char>(each)) return each;
    ok_ = false;
    return list.front();
  }
  uint32_t number();
  std::string text();

  // Every field was read, and no octet is left.
  bool complete() const { return ok_ && rest_.empty(); }
  bool failed() const { return !ok_; }

 private:
  std::string_view take(size_t count);

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace ostiary
