// dns/message.h: the numbers in a DNS message, and their names for people.
// The enumerations are open: a value from the wire may have no enumerator here.
#pragma once

#include <cstdint>
#include <string>

namespace ostiary::dns {

enum class RecordType : uint16_t {
  a = 1,
  ns = 2,
  cname = 5,
  soa = 6,
  ptr = 12,
  mx = 15,
  txt = 16,
  aaaa = 28,
  srv = 33,
  naptr = 35,
  dname = 39,
  opt = 41,
  svcb = 64,
  https = 65,
  any = 255,
  caa = 257,
};

// Includes the four upper bits of an extended code (RFC 6891).
enum class Rcode : uint16_t {
  no_error = 0,
  format_error = 1,
  server_failure = 2,
  no_such_name = 3,
  not_implemented = 4,
  refused = 5,
  bad_version = 16,
};

// RFC 8914.
enum class ExtendedError : uint16_t {
  other = 0,
  blocked = 15,
  filtered = 17,
  prohibited = 18,
  network_error = 23,
};

inline constexpr uint16_t class_internet = 1;

// Bits of the header's second word.
namespace flag {
inline constexpr uint16_t response = 0x8000;
inline constexpr uint16_t opcode = 0x7800;
inline constexpr uint16_t truncated = 0x0200;
inline constexpr uint16_t recursion_desired = 0x0100;
inline constexpr uint16_t recursion_available = 0x0080;
inline constexpr uint16_t checking_disabled = 0x0010;
inline constexpr uint16_t rcode = 0x000f;
inline constexpr uint16_t dnssec_ok = 0x8000;  // in the lower half of an OPT record's TTL
}  // namespace flag

// "AAAA", or "TYPE65280" (RFC 3597) for a type without a name.
std::string text(RecordType type);

// "NXDOMAIN", or "RCODE9".
std::string text(Rcode rcode);

}  // namespace ostiary::dns
