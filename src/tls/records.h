// tls/records.h: a handshake message at the start of a TLS stream, which may go on over several records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ostiary::tls {

// All kinds of records that there are.
enum RecordType : uint8_t {
  change_cipher_spec = 20,
  alert = 21,
  handshake = 22,
  application_data = 23,
  heartbeat = 24
};

inline constexpr uint8_t major_version = 3;
inline constexpr size_t record_header_octets = 5;
inline constexpr size_t message_header_octets = 4;

// Of a whole header: how long the record's content is.
constexpr size_t record_octets(std::span<const uint8_t> header) {
  return static_cast<size_t>(header[3]) << 8U | header[4];
}

enum class Framing : uint8_t { whole, incomplete, not_tls, malformed, too_long };

struct Message {
  Framing framing{};
  uint8_t type = 0;   // if the framing is whole
  size_t octets = 0;  // of the message, with its header
  size_t end = 0;     // of its last record, in the stream
};

// Requires handshake records alone, none empty, and the message's end at that of a record.
Message find_message(std::span<const uint8_t> stream, size_t max_octets);

// The octets of a message that are there, of one that is incomplete.
size_t octets_there(std::span<const uint8_t> stream);

// Reads the octets of a message in their order, past the headers of records. Requires a whole message.
// After a read beyond the end, ok() is false, and every octet is 0.
class MessageReader {
 public:
  MessageReader(std::span<const uint8_t> stream, size_t octets) : stream_(stream), end_(octets) {}

  uint8_t octet();
  uint32_t number(size_t octets);
  void skip(size_t octets);

  size_t at() const { return at_; }
  size_t end() const { return end_; }
  bool ok() const { return ok_; }

 private:
  std::span<const uint8_t> stream_;
  size_t end_;
  size_t at_ = 0;    // in the message
  size_t next_ = 0;  // in the stream
  size_t left_in_record_ = 0;
  bool ok_ = true;
};

}  // namespace ostiary::tls
