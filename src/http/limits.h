// http/limits.h: all limits of the HTTP/1.1 readers, and the relations between them.
// The limit of a body is the caller's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ostiary::http::limits {

// A line without its CRLF: the request line, the status line or a field line.
inline constexpr size_t line_octets = 8192;

// From the first line up to and with the empty line.
inline constexpr size_t head_octets = 32768;
inline constexpr size_t fields = 100;

// Of a chunk's size. More would overflow 64 bits.
inline constexpr size_t chunk_size_digits = 16;

// In one message, over all of its chunks.
inline constexpr size_t chunk_extension_octets = 1024;

// The trailer section, up to and with the empty line.
inline constexpr size_t trailer_octets = 4096;

// Responses 1xx before the final one.
inline constexpr size_t interim_responses = 8;

static_assert(2 * line_octets + 6 <= head_octets);
static_assert(fields * 4 <= head_octets);
static_assert(chunk_size_digits * 4 == 64);
static_assert(chunk_extension_octets <= line_octets && trailer_octets <= head_octets);

}  // namespace ostiary::http::limits
