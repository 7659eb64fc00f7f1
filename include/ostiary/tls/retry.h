// tls/retry.h: what follows a client's first hello: whether the server asks for another, and the second hello.
// - Most servers take the host from the second hello, so it has to be read too.
// - An answer that two readers could take differently is no other answer: it is a retry, or needs more.
// - Pure. Nothing is allocated, whatever the octets are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "ostiary/tls/client_hello.h"

namespace ostiary::tls {

// other: a ServerHello, a fatal alert, or no TLS.
enum class FirstAnswer : uint8_t { need_more, retry, other };

// `stream` is what the server has sent, from its first octet on. A server's first 43 octets tell, unless it cuts
// its ServerHello, or puts records before it; after limits::answer_octets without a ServerHello it is a retry.
FirstAnswer scan_first_answer(std::span<const uint8_t> stream);

// `stream` is what the client has sent after its first hello. Skips whole records of change_cipher_spec and of
// early data (application_data), which a server discards after a retry.
HelloScan scan_second_hello(std::span<const uint8_t> stream, EncryptedHello encrypted);
// Whether there are only such records, of which the last may be cut off: no hello has begun.
bool is_skipped_before_second_hello(std::span<const uint8_t> stream);

namespace limits {
inline constexpr size_t answer_octets = 1024;
}  // namespace limits

}  // namespace ostiary::tls
