#include "ostiary/tls/retry.h"

#include <algorithm>
#include <optional>

#include "tls/records.h"

namespace ostiary::tls {
namespace {

constexpr size_t alert_octets = 2;
constexpr uint8_t fatal = 2;
constexpr size_t max_encrypted_record = 16384 + 256;

constexpr uint8_t hello_request_message = 0;
constexpr uint8_t server_hello_message = 2;
constexpr size_t version_octets = 2;
constexpr size_t before_random = message_header_octets + version_octets;

// Takes the octets of a server's handshake messages one by one, up to the random of its first hello.
class FirstMessage {
 public:
  // need_more until it is known.
  FirstAnswer take(uint8_t octet) {
    const size_t at = at_++;
    if (at == 0) {
      type_ = octet;
      return type_ == hello_request_message || type_ == server_hello_message ? FirstAnswer::need_more
                                                                             : FirstAnswer::retry;
    }
    if (at < message_header_octets) return take_length(octet);
    if (at < before_random) return FirstAnswer::need_more;
    const size_t in_random = at - before_random;
    differs_ |= octet != random_of_retry[in_random];
    if (in_random + 1 < random_of_retry.size()) return FirstAnswer::need_more;
    return differs_ ? FirstAnswer::other : FirstAnswer::retry;
  }

 private:
  FirstAnswer take_length(uint8_t octet) {
    length_ = length_ << 8U | octet;
    if (at_ < message_header_octets) return FirstAnswer::need_more;
    if (type_ == server_hello_message)
      return length_ < version_octets + random_of_retry.size() ? FirstAnswer::retry : FirstAnswer::need_more;
    // OpenSSL ignores a HelloRequest before a ServerHello.
    const bool is_empty = length_ == 0;
    *this = {};
    return is_empty ? FirstAnswer::need_more : FirstAnswer::retry;
  }

  size_t at_ = 0;
  uint8_t type_ = 0;
  size_t length_ = 0;
  bool differs_ = false;
};

// Requires a whole header. An alert that is not fatal is ignored by clients.
bool is_fatal_alert(std::span<const uint8_t> stream) {
  return stream.size() > record_header_octets && record_octets(stream) == alert_octets &&
         stream[record_header_octets] == fatal;
}

FirstAnswer scan_records(std::span<const uint8_t> stream) {
  FirstMessage message;
  while (stream.size() >= record_header_octets) {
    const uint8_t type = stream[0];
    const size_t in_record = record_octets(stream);
    if (type == alert && is_fatal_alert(stream)) return FirstAnswer::other;
    if (type != change_cipher_spec && type != alert && type != handshake) return FirstAnswer::retry;
    stream = stream.subspan(record_header_octets);
    const auto content = stream.first(std::min(in_record, stream.size()));
    if (type == handshake)
      for (const uint8_t octet : content)
        if (const FirstAnswer answer = message.take(octet); answer != FirstAnswer::need_more) return answer;
    stream = stream.subspan(content.size());
  }
  return FirstAnswer::need_more;
}

bool is_skipped(uint8_t type) {
  return type == change_cipher_spec || type == application_data;
}

// Of the header of a record that is skipped. A change_cipher_spec is one octet, 1 (RFC 8446, 5).
bool fits(std::span<const uint8_t> stream) {
  if (stream.size() > 1 && stream[1] != major_version) return false;
  if (stream.size() < record_header_octets) return true;
  const size_t octets = record_octets(stream);
  if (stream[0] == application_data) return octets > 0 && octets <= max_encrypted_record;
  return octets == 1 && (stream.size() == record_header_octets || stream[record_header_octets] == 1);
}

// Up to the first other record, or beyond the end if a record is cut off. Empty if one is malformed.
std::optional<size_t> skip_records(std::span<const uint8_t> stream) {
  size_t skipped = 0;
  while (skipped < stream.size() && is_skipped(stream[skipped])) {
    const auto rest = stream.subspan(skipped);
    if (!fits(rest)) return std::nullopt;
    skipped += rest.size() < record_header_octets ? rest.size() : record_header_octets + record_octets(rest);
  }
  return skipped;
}

}  // namespace

FirstAnswer scan_first_answer(std::span<const uint8_t> stream) {
  if (stream.empty()) return FirstAnswer::need_more;
  if (!begins_record(stream)) return FirstAnswer::other;
  const FirstAnswer answer = scan_records(stream.first(std::min(stream.size(), limits::answer_octets)));
  if (answer != FirstAnswer::need_more) return answer;
  return stream.size() < limits::answer_octets ? answer : FirstAnswer::retry;
}

HelloScan scan_second_hello(std::span<const uint8_t> stream, EncryptedHello encrypted) {
  const auto skipped = skip_records(stream);
  if (!skipped) return HelloFault::malformed;
  if (*skipped >= stream.size()) return NeedMore{};
  HelloScan found = scan_client_hello(stream.subspan(*skipped), encrypted);
  if (auto* const hello = std::get_if<ClientHello>(&found)) hello->octets += *skipped;
  return found;
}

bool is_skipped_before_second_hello(std::span<const uint8_t> stream) {
  const auto skipped = skip_records(stream);
  return skipped && *skipped >= stream.size();
}

}  // namespace ostiary::tls
