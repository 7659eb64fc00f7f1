// hunt/relay_forms.h: what programs send to the relay: exports, and the forms of requests that two
// servers could read differently.
#pragma once

#include <cstdint>
#include <string>

namespace ostiary::hunt {

enum class RelayForm : uint8_t {
  traces,
  metrics,
  logs,
  chunks,
  expectation,  // Expect: 100-continue
  two,          // one export behind another
  begun,        // the first half of an export
  rest,         // the other half
  get,
  other_path,
  dot_path,
  absolute,
  connect,
  http2,
  upgrade,
  two_lengths,
  length_and_chunks,
  unknown_coding,
  folded,
  two_hosts,
  bare_lines,  // LF without CR
  zero_octet,
  trailer,
  forged,           // an export with credentials of its own
  request_in_body,  // an export whose text is a request
  request_behind,   // an export, and a request for another path
};
inline constexpr size_t relay_forms = 26;

// The octets contain the seed as text.
std::string octets_of(RelayForm form, uint64_t seed);

}  // namespace ostiary::hunt
