// hunt/name_forms.h: what programs send to the shared address: hellos of TLS and requests of HTTP, with the
// name that is allowed there and with one that is not, whole, in parts and one behind another.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ostiary::hunt {

// Of the same length, so that one can take the other's place.
inline constexpr std::string_view shared_name = "shared.hunt.example";
inline constexpr std::string_view hidden_name = "hidden.hunt.example";  // no rule allows it
static_assert(shared_name.size() == hidden_name.size());

// "hidden" is with the name that is not allowed, the others are with the allowed one.
enum class NameForm : uint8_t {
  hello,
  hidden_hello,
  hello_to_name,  // what comes before the name
  hello_begun,    // to the middle of the name
  hidden_hello_begun,
  hello_rest,  // the other half
  hidden_hello_rest,
  hidden_hello_from_name,
  two_hellos,  // the second is hidden
  get,
  hidden_get,
  get_to_name,
  get_begun,
  hidden_get_begun,
  hidden_get_to_end,  // of the name
  get_rest,
  hidden_get_rest,
  hidden_get_from_name,
  get_twice,    // the second is hidden
  post,         // with a body
  post_behind,  // a body, and a hidden request behind it
  two_hosts,    // the second is hidden
  two_hosts_first,
  no_host,
  absolute,
  connect,
  upgrade,
  expectation,
  two_lengths,
  length_and_chunks,
  body_of_get,
  folded,
  bare_lines,  // LF without CR
  zero_octet,
};
inline constexpr size_t name_forms = 34;
inline constexpr size_t hello_forms = 9;  // the first ones

// The octets contain the seed as text, unless they are cut.
std::string octets_of(NameForm form, uint64_t seed);

// A hello with a name, and where in it the octets are that may have any value: they hold the seed.
inline constexpr size_t random_at = 11, random_octets = 32;
std::string hello_of(std::string_view name, uint64_t seed);
// How a server asks for a second hello.
std::string retry_request();

}  // namespace ostiary::hunt
