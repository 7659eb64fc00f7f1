#include "ostiary/tls/client_hello.h"

#include <algorithm>
#include <optional>

#include "ostiary/base/text.h"
#include "ostiary/inet/host_name.h"
#include "tls/records.h"

namespace ostiary::tls {
namespace {

constexpr uint8_t client_hello_message = 1;
constexpr uint8_t major_version = 3;
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

Fault read_extensions(MessageReader& in, EncryptedHello encrypted, ServerName& name) {
  Types types;
  bool is_named = false;
  while (in.at() < in.end()) {
    const auto type = static_cast<uint16_t>(in.number(2));
    const size_t end = vector_end(in, 2);
    if (!in.ok() || end > in.end()) return HelloFault::malformed;
    if (const Fault fault = types.add(type)) return fault;
    if (is_encrypted(type) && encrypted == EncryptedHello::refused) return HelloFault::encrypted_hello;
    if (type == server_name) {
      is_named = true;
      if (const Fault fault = read_name(in, end, name)) return fault;
    }
    in.skip(end - in.at());
  }
  return is_named ? std::nullopt : Fault(HelloFault::no_name);
}

// What comes before the extensions.
Fault skip_to_extensions(MessageReader& in) {
  in.skip(message_header_octets);
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
  if (in.at() == in.end()) return HelloFault::no_name;
  if (vector_end(in, 2) != in.end() || !in.ok()) return HelloFault::malformed;
  return std::nullopt;
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

PartialScan scan_part_of_hello(std::span<const uint8_t> stream, EncryptedHello encrypted) {
  MessageReader in(stream, octets_there(stream));
  const uint8_t message = in.octet();
  const size_t message_end = message_header_octets + in.number(message_header_octets - 1);
  in.skip(2 + random_octets);
  in.skip(in.number(1));  // session id
  in.skip(in.number(2));  // cipher suites
  in.skip(in.number(1));  // compressions
  const size_t extensions_end = vector_end(in, 2);
  if (!in.ok()) return PartOfName::none;
  if (message != client_hello_message || extensions_end != message_end) return HelloFault::malformed;
  PartialScan found = PartOfName::none;
  for (;;) {
    const auto type = static_cast<uint16_t>(in.number(2));
    const size_t end = vector_end(in, 2);
    if (!in.ok()) return found;
    if (is_encrypted(type) && encrypted == EncryptedHello::refused) return HelloFault::encrypted_hello;
    if (type == server_name) {
      if (std::holds_alternative<ServerName>(found)) return HelloFault::extension_twice;
      if (end > in.end()) return PartOfName::some;
      ServerName name;
      if (const Fault fault = read_name(in, end, name)) return *fault;
      found = name;
    }
    in.skip(end - in.at());
    if (!in.ok()) return found;
  }
}

bool begins_record(std::span<const uint8_t> stream) {
  constexpr uint8_t change_cipher_spec = 20, heartbeat = 24;  // the first and the last
  return !stream.empty() && stream[0] >= change_cipher_spec && stream[0] <= heartbeat;
}

HelloScan scan_client_hello(std::span<const uint8_t> stream, EncryptedHello encrypted) {
  const Message message = find_message(stream, message_header_octets + limits::hello_octets);
  switch (message.framing) {
    case Framing::incomplete:
      return NeedMore{};
    case Framing::not_tls:
      if (may_be_ssl2(stream)) return NeedMore{};
      return fault_of_other(stream);
    case Framing::malformed:
      return HelloFault::malformed;
    case Framing::too_long:
      return HelloFault::too_long;
    case Framing::whole:
      break;
  }
  if (message.type != client_hello_message) return HelloFault::malformed;
  MessageReader in(stream, message.octets);
  ClientHello hello{.octets = message.end};
  if (const Fault fault = skip_to_extensions(in)) return *fault;
  if (const Fault fault = read_extensions(in, encrypted, hello.name)) return *fault;
  return hello;
}

}  // namespace ostiary::tls
