#include "denial.h"

#include <array>
#include <string>
#include <variant>

#include <sys/random.h>

#include "ostiary/base/encoding.h"
#include "ostiary/dns/cursor.h"
#include "ostiary/inet/host_name.h"

namespace ostiary::selftest {
namespace {

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

Finding judge_failure(dns::Rcode rcode) {
  if (rcode == dns::Rcode::refused) return held(dns::text(rcode));
  return escaped("the answer was " + dns::text(rcode) + ", which is no denial");
}

}  // namespace

Result<UnlistedName> UnlistedName::make() {
  std::array<uint8_t, 10> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return std::unexpected(Error::system("getrandom", Exit::unavailable));
  std::string label;
  for (const uint8_t octet : std::span(random).subspan(2)) append_hexadecimal(label, octet);
  const auto name = TRY(inet::HostName::parse(label + ".ostiary-self-test.invalid"));
  return UnlistedName{static_cast<uint16_t>(random[0] << 8 | random[1]),
                      {dns::WireName::from(name), dns::RecordType::a}};
}

std::vector<uint8_t> query(const UnlistedName& name) {
  std::vector<uint8_t> message(dns::limits::udp_payload_min);
  message.resize(dns::write_query(message, name.id, name.question));
  return message;
}

Finding judge(std::span<const uint8_t> answer, const UnlistedName& name) {
  if (dns::Reader(answer).u16() != name.id) return escaped("the answer has the id of another question");
  return std::visit(
      Overloaded{
          [](const dns::NoSuchName&) { return held(dns::text(dns::Rcode::no_such_name)); },
          [](const dns::UpstreamFailure& failure) { return judge_failure(failure.rcode); },
          [](const dns::Addresses& found) {
            return escaped("the answer was the address " + found.list.begin()->text());
          },
          [](const dns::NoData&) { return escaped("the answer was that the name exists"); },
          [](const dns::TruncatedReply&) { return escaped("the answer was truncated"); },
          [](const dns::MalformedReply& reply) { return escaped(std::string(dns::text(reply.fault))); },
      },
      dns::read_address_reply(answer, name.question));
}

}  // namespace ostiary::selftest
