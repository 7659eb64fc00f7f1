// tls/client_hello.h: the host that a client asks for at the beginning of a TLS stream.
// - A hello that two servers could read differently is refused: one with two names, an extension twice, a length
//   that does not fit, a name that is no host name.
// - Pure. Nothing is allocated, whatever the octets are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

namespace ostiary::tls {

enum class HelloFault : uint8_t {
  not_tls,
  ssl2,
  malformed,
  too_long,
  no_name,
  several_names,
  no_host_name,  // an address, a trailing dot, other characters
  extension_twice,
  too_many_extensions,
  encrypted_hello,
};
// The word of the audit, such as "no-name".
std::string_view text(HelloFault fault);

// In lower case. inet::is_host_name() holds.
class ServerName {
 public:
  static constexpr size_t max_octets = 253;

  std::string_view text() const { return {characters_.data(), size_}; }
  void add(char character) { characters_[size_++] = character; }

 private:
  std::array<char, max_octets> characters_{};
  uint8_t size_ = 0;
};

struct ClientHello {
  ServerName name = {};
  size_t octets = 0;  // up to the end of its last record
};

// How much of the name is there.
enum class PartOfName : uint8_t { none, some, whole };
struct NameSoFar {
  PartOfName part = PartOfName::none;
  ServerName name = {};  // if it is whole
};
// The hello is not whole. What is there has no fault.
struct NeedMore {
  NameSoFar found = {};
};
using HelloScan = std::variant<NeedMore, ClientHello, HelloFault>;

// An encrypted hello has its name where only the server can read it; the name outside may be any other.
enum class EncryptedHello : uint8_t { refused, ignored };

// `stream` is what the client has sent so far, from its first octet on; or, after a HelloRetryRequest, from the
// first octet of the record that follows.
HelloScan scan_client_hello(std::span<const uint8_t> stream, EncryptedHello encrypted);

// Whether it begins as a record of TLS does, of whichever kind.
bool begins_record(std::span<const uint8_t> stream);

namespace limits {
// Of the handshake message. Clients send up to 2,000.
inline constexpr size_t hello_octets = 16384;
inline constexpr size_t extensions = 64;
// After which it is known whether a stream begins with TLS or SSL 2.
inline constexpr size_t octets_of_kind = 3;
}  // namespace limits

}  // namespace ostiary::tls
