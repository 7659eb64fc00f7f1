// tls/retry.h: what follows a client's first hello: whether the server asks for another, and the second hello.
// - Most servers take the host from the second hello, so it has to be read too.
// - An answer that two readers could take differently is no other answer: it is a retry, or needs more.
// - Pure. Nothing is allocated, whatever the octets are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "ostiary/tls/client_hello.h"

namespace ostiary::tls {

// The random of a HelloRetryRequest, which is a ServerHello otherwise: SHA-256 of its name (RFC 8446, 4.1.3).
inline constexpr std::array<uint8_t, 32> random_of_retry{
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

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
