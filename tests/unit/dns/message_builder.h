// Builds messages for the tests octet by octet, independent of the code under test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace ostiary::dns::testing {

using Bytes = std::vector<uint8_t>;

Bytes& operator+=(Bytes& to, const Bytes& more);

Bytes u16(size_t value);
Bytes u32(size_t value);
Bytes pointer(size_t target);
Bytes label(std::string_view text);
// "a.example", including the root's octet; "" is the root.
Bytes name(std::string_view text);
Bytes joined(std::initializer_list<Bytes> parts);
Bytes header(size_t id, size_t flags, size_t qd, size_t an, size_t ns, size_t ar);
Bytes record(const Bytes& owner, size_t type, size_t ttl, const Bytes& rdata, size_t record_class = 1);
Bytes opt(size_t payload, size_t ttl = 0, const Bytes& options = {});

inline constexpr size_t type_a = 1, type_ns = 2, type_cname = 5, type_soa = 6, type_mx = 15, type_txt = 16,
                        type_aaaa = 28, type_srv = 33;
inline constexpr size_t recursion_desired = 0x0100;
inline constexpr size_t good_reply = 0x8180;

Bytes question(std::string_view owner, size_t type, size_t question_class = 1);
Bytes query(std::string_view owner, size_t type);
Bytes edns_query(std::string_view owner, size_t type, const Bytes& opt_record);
// A reply to the question with these records in its answer section.
Bytes reply(const Bytes& asked, const std::vector<Bytes>& answers, size_t flags = good_reply,
            const std::vector<Bytes>& authorities = {}, const std::vector<Bytes>& additionals = {});

}  // namespace ostiary::dns::testing
