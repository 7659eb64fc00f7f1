// dns/cursor.h: reads and writes big-endian octets within bounds.
// - A failure is sticky: past the end a Reader returns zeros, a Writer writes nothing, and ok()
//   stays false.
// - So the caller checks ok() once after several reads or writes, before it uses the result.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ostiary::dns {

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> message) : message_(message) {}

  bool ok() const { return ok_; }
  size_t position() const { return position_; }
  size_t left() const { return message_.size() - position_; }
  std::span<const uint8_t> message() const { return message_; }

  uint8_t u8() {
    const auto octet = take(1);
    return octet.empty() ? uint8_t{0} : octet[0];
  }
  uint16_t u16() {
    const auto two = take(2);
    return two.empty() ? uint16_t{0} : static_cast<uint16_t>(two[0] << 8 | two[1]);
  }
  uint32_t u32() {
    const uint32_t high = u16();
    return high << 16 | u16();
  }
  // The next `count` octets, or an empty span if there are fewer.
  std::span<const uint8_t> take(size_t count) {
    if (!ok_ || count > left()) {
      ok_ = false;
      return {};
    }
    const auto octets = message_.subspan(position_, count);
    position_ += count;
    return octets;
  }
  void seek(size_t position) {
    if (position > message_.size())
      ok_ = false;
    else
      position_ = position;
  }

 private:
  std::span<const uint8_t> message_;
  size_t position_ = 0;
  bool ok_ = true;
};

class Writer {
 public:
  explicit Writer(std::span<uint8_t> room) : room_(room) {}

  bool ok() const { return ok_; }
  size_t size() const { return size_; }

  void u8(uint8_t value) { put(std::span(&value, 1)); }
  void u16(uint16_t value) {
    const uint8_t two[] = {static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
    put(two);
  }
  void u32(uint32_t value) {
    u16(static_cast<uint16_t>(value >> 16));
    u16(static_cast<uint16_t>(value));
  }
  void put(std::span<const uint8_t> octets) {
    if (!ok_ || octets.size() > room_.size() - size_) {
      ok_ = false;
      return;
    }
    std::ranges::copy(octets, room_.begin() + static_cast<ptrdiff_t>(size_));
    size_ += octets.size();
  }
  // Overwrites the two octets at `position`.
  void replace_u16(size_t position, uint16_t value) {
    if (size_ < 2 || position > size_ - 2) {
      ok_ = false;
      return;
    }
    room_[position] = static_cast<uint8_t>(value >> 8);
    room_[position + 1] = static_cast<uint8_t>(value);
  }
  // Discards everything after the first `size` octets, and clears a failure.
  void rewind(size_t size) {
    size_ = std::min(size, size_);
    ok_ = true;
  }

 private:
  std::span<uint8_t> room_;
  size_t size_ = 0;
  bool ok_ = true;
};

}  // namespace ostiary::dns
