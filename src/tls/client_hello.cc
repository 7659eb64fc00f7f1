#include "ostiary/tls/client_hello.h"

#include <algorithm>
#include <optional>

#include "ostiary/base/text.h"
#include "ostiary/inet/host_name.h"
#include "tls/records.h"

namespace ostiary::tls {
namespace {

constexpr uint8_t client_hello_message = 1;
constexpr size_t random_octets = 32;
constexpr size_t max_session_id = 32;
constexpr uint8_t host_name_type = 0;
constexpr uint8_t ssl2_long_header = 0x80;

enum Extension : uint16_t {
  server_name = 0,
  encrypted_client_hello = 0xfe0d,
  encrypted_server_name = 0xffce
};

using Fault = std::optional<HelloFault>;

// A vector of TLS: its length, then its octets. Their end, in the message.
size_t vector_end(MessageReader& in, size_t length_octets) {
  const size_t length = in.number(length_octets);
  return in.at() + length;
}

// The octets of the extension server_name, up to `end`.
Fault read_name(MessageReader& in, size_t end, ServerName& name) {
  const size_t list_end = vector_end(in, 2);
  if (list_end != end || in.octet() != host_name_type) return HelloFault::malformed;
  const size_t length = in.number(2);
  if (!in.ok() || in.at() + length > end) return HelloFault::malformed;
  if (in.at() + length < end) return HelloFault::several_names;
  if (length > ServerName::max_octets) return HelloFault::no_host_name;
  for (size_t i = 0; i < length; ++i) name.add(to_lower(static_cast<char>(in.octet())));
  if (!inet::is_host_name(name.text())) return HelloFault::no_host_name;
  return std::nullopt;
}

bool is_encrypted(uint16_t type) {
  return type == encrypted_client_hello || type == encrypted_server_name;
}

// Each type stands once.
class Types {
 public:
  Fault add(uint16_t type) {
    const auto end = seen_.begin() + static_cast<ptrdiff_t>(size_);
    if (std::find(seen_.begin(), end, type) != end) return HelloFault::extension_twice;
    if (size_ == seen_.size()) return HelloFault::too_many_extensions;
    seen_[size_++] = type;
    return std::nullopt;
  }

 private:
  std::array<uint16_t, limits::extensions> seen_{};
  size_t size_ = 0;
};

Fault read_extensions(MessageReader& in, size_t hello_end, EncryptedHello encrypted, NameSoFar& found) {
  Types types;
  while (in.at() < hello_end) {
    const auto type = static_cast<uint16_t>(in.number(2));
    const size_t end = vector_end(in, 2);
    if (!in.ok() || end > hello_end) return HelloFault::malformed;
    if (const Fault fault = types.add(type)) return fault;
    if (is_encrypted(type) && encrypted == EncryptedHello::refused) return HelloFault::encrypted_hello;
    if (type == server_name) {
      found.part = PartOfName::some;
      if (const Fault fault = read_name(in, end, found.name)) return fault;
      if (in.ok()) found.part = PartOfName::whole;
    }
    in.skip(end - in.at());
  }
  return found.part == PartOfName::none ? Fault(HelloFault::no_name) : std::nullopt;
}

// What comes before the extensions.
Fault skip_to_extensions(MessageReader& in, size_t hello_end) {
  if (in.number(2) >> 8U != major_version) return HelloFault::malformed;
  in.skip(random_octets);
  const size_t session_id = in.number(1);
  if (session_id > max_session_id) return HelloFault::malformed;
  in.skip(session_id);
  const size_t cipher_suites = in.number(2);
  if (cipher_suites == 0 || cipher_suites % 2 != 0) return HelloFault::malformed;
  in.skip(cipher_suites);
  const size_t compressions = in.number(1);
  if (compressions == 0) return HelloFault::malformed;
  in.skip(compressions);
  if (!in.ok()) return HelloFault::malformed;
  if (in.at() == hello_end) return HelloFault::no_name;
  if (vector_end(in, 2) != hello_end || !in.ok()) return HelloFault::malformed;
  return std::nullopt;
}

// If it reads beyond what is there, `in` is not ok, and a fault means nothing.
Fault read_hello(MessageReader& in, EncryptedHello encrypted, NameSoFar& found) {
  if (in.octet() != client_hello_message) return HelloFault::malformed;
  const size_t length = in.number(message_header_octets - 1);
  const size_t hello_end = message_header_octets + length;
  if (const Fault fault = skip_to_extensions(in, hello_end)) return fault;
  return read_extensions(in, hello_end, encrypted, found);
}

// A hello of SSL 2 has a length of two octets, then its type.
HelloFault fault_of_other(std::span<const uint8_t> stream) {
  const bool is_ssl2 =
      stream.size() > 2 && (stream[0] & ssl2_long_header) != 0 && stream[2] == client_hello_message;
  return is_ssl2 ? HelloFault::ssl2 : HelloFault::not_tls;
}

// Its third octet tells.
bool may_be_ssl2(std::span<const uint8_t> stream) {
  return stream.size() < 3 && (stream[0] & ssl2_long_header) != 0;
}

}  // namespace

std::string_view text(HelloFault fault) {
  switch (fault) {
    case HelloFault::not_tls:
      return "not-tls";
    case HelloFault::ssl2:
      return "ssl2";
    case HelloFault::malformed:
      return "malformed";
    case HelloFault::too_long:
      return "too-long";
    case HelloFault::no_name:
      return "no-name";
    case HelloFault::several_names:
      return "several-names";
    case HelloFault::no_host_name:
      return "no-host-name";
    case HelloFault::extension_twice:
      return "extension-twice";
    case HelloFault::too_many_extensions:
      return "too-many-extensions";
    case HelloFault::encrypted_hello:
      return "encrypted";
  }
  return {};
}

bool begins_record(std::span<const uint8_t> stream) {
  return !stream.empty() && stream[0] >= change_cipher_spec && stream[0] <= heartbeat;
}

HelloScan scan_client_hello(std::span<const uint8_t> stream, EncryptedHello encrypted) {
  const Message message = find_message(stream, message_header_octets + limits::hello_octets);
  switch (message.framing) {
    case Framing::not_tls:
      if (may_be_ssl2(stream)) return NeedMore{};
      return fault_of_other(stream);
    case Framing::malformed:
      return HelloFault::malformed;
    case Framing::too_long:
      return HelloFault::too_long;
    case Framing::incomplete:
    case Framing::whole:
      break;
  }
  const bool is_whole = message.framing == Framing::whole;
  MessageReader in(stream, is_whole ? message.octets : octets_there(stream));
  NameSoFar found;
  const Fault fault = read_hello(in, encrypted, found);
  if (fault && in.ok()) return *fault;
  if (!is_whole) return NeedMore{found};
  if (!in.ok()) return HelloFault::malformed;
  return ClientHello{.name = found.name, .octets = message.end};
}

}  // namespace ostiary::tls
