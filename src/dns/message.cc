#include "ostiary/dns/message.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ostiary/base/text.h"

namespace ostiary::dns {
namespace {

using namespace std::string_view_literals;

constexpr auto type_names = std::to_array<std::pair<RecordType, std::string_view>>({
    {RecordType::a, "A"},
    {RecordType::ns, "NS"},
    {RecordType::cname, "CNAME"},
    {RecordType::soa, "SOA"},
    {RecordType::ptr, "PTR"},
    {RecordType::mx, "MX"},
    {RecordType::txt, "TXT"},
    {RecordType::aaaa, "AAAA"},
    {RecordType::srv, "SRV"},
    {RecordType::naptr, "NAPTR"},
    {RecordType::dname, "DNAME"},
    {RecordType::opt, "OPT"},
    {RecordType::svcb, "SVCB"},
    {RecordType::https, "HTTPS"},
    {RecordType::any, "ANY"},
    {RecordType::caa, "CAA"},
});

constexpr auto rcode_names = std::to_array<std::pair<Rcode, std::string_view>>({
    {Rcode::no_error, "NOERROR"},
    {Rcode::format_error, "FORMERR"},
    {Rcode::server_failure, "SERVFAIL"},
    {Rcode::no_such_name, "NXDOMAIN"},
    {Rcode::not_implemented, "NOTIMP"},
    {Rcode::refused, "REFUSED"},
    {Rcode::bad_version, "BADVERS"},
});

}  // namespace

std::string text(RecordType type) {
  const auto* named = std::ranges::find(type_names, type, &decltype(type_names)::value_type::first);
  if (named != type_names.end()) return std::string(named->second);
  return std::string("TYPE").append(std::to_string(std::to_underlying(type)));
}

std::string text(Rcode rcode) {
  const auto* named = std::ranges::find(rcode_names, rcode, &decltype(rcode_names)::value_type::first);
  if (named != rcode_names.end()) return std::string(named->second);
  return std::string("RCODE").append(std::to_string(std::to_underlying(rcode)));
}

}  // namespace ostiary::dns
