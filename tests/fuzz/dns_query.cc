// The agent's question. If it is accepted, another reader reads the same, and the question written
// again is accepted as the same; cut short or with an additional octet it is refused. If it is
// refused, its answer can be read.
#include <array>
#include <utility>
#include <vector>

#include "ostiary/dns/answer.h"
#include "ostiary/dns/query.h"
#include "slow_dns.h"

using namespace ostiary;
using namespace ostiary::dns;
using fuzz::Bytes;

namespace {

std::string labels_of(const WireName& name) {
  return std::string(fuzz::as_text(name.octets().first(name.octets().size() - 1)));
}

std::vector<uint8_t> write_again(const Query& query) {
  std::vector<uint8_t> octets(limits::udp_payload_min);
  Writer out(octets);
  out.u16(query.envelope.id);
  out.u16(query.envelope.flags);
  constexpr uint16_t counts[] = {1, 0, 0};
  for (const uint16_t count : counts) out.u16(count);
  out.u16(query.envelope.edns ? 1 : 0);
  out.put(query.name.octets());
  out.u16(std::to_underlying(query.type));
  out.u16(class_internet);
  if (query.envelope.edns) {
    out.u8(0);
    out.u16(std::to_underlying(RecordType::opt));
    out.u16(query.envelope.edns->udp_payload);
    out.u16(0);
    out.u16(query.envelope.edns->flags);
    out.u16(0);
  }
  HOLDS(out.ok());
  octets.resize(out.size());
  return octets;
}

void check_query(Bytes message, const Query& query) {
  const fuzz::SlowMessage slow = fuzz::read_slowly(message);
  HOLDS(!slow.is_response() && slow.questions == 1 && slow.question_class == 1);
  HOLDS(slow.answers.empty() && slow.authorities.empty() && slow.additionals.size() <= 1);
  HOLDS(slow.end == message.size());
  HOLDS(slow.id == query.envelope.id && slow.type == std::to_underlying(query.type));
  HOLDS(slow.name == labels_of(query.name));
  HOLDS(std::ranges::equal(slow.question, query.envelope.question));
  HOLDS(slow.additionals.empty() == !query.envelope.edns);

  const auto octets = write_again(query);
  const QueryReading again = read_query(octets);
  HOLDS(std::holds_alternative<Query>(again));
  const auto& same = std::get<Query>(again);
  HOLDS(same.name == query.name && same.type == query.type && same.envelope.edns == query.envelope.edns);
  HOLDS(same.envelope.id == query.envelope.id && same.envelope.flags == query.envelope.flags);

  for (size_t size = 0; size < message.size(); ++size)
    HOLDS(!std::holds_alternative<Query>(read_query(message.first(size))));
  std::vector<uint8_t> longer(message.begin(), message.end());
  longer.push_back(0);
  const QueryReading more = read_query(longer);
  HOLDS(std::get<Refusal>(more).reason == RefusalReason::trailing_octets);
}

// A name is a host name only if the two are equal, octet by octet.
void check_name(const WireName& name) {
  const auto host = name.host_name();
  if (!host) return;
  HOLDS(WireName::from(*host) == name);
  HOLDS(host->text() == name.text());
}

void check_refusal(Bytes message, const Refusal& refusal) {
  std::array<uint8_t, limits::answer_octets> room;
  const size_t size = write_refusal(std::span(room).first(limits::udp_payload_min), refusal);
  HOLDS(size > 0);
  const fuzz::SlowMessage answer = fuzz::read_slowly(std::span(room).first(size));
  HOLDS(answer.is_response() && answer.id == (message[0] << 8 | message[1]) && answer.end == size);
  HOLDS(answer.rcode() == (std::to_underlying(refusal.rcode) & 15U) && refusal.rcode != Rcode::no_error);
  HOLDS(answer.answers.empty() && answer.authorities.empty());
  if (answer.questions == 1)
    HOLDS(
        std::ranges::equal(answer.question, message.subspan(limits::header_octets, answer.question.size())));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes message(data, size);
  const QueryReading reading = read_query(message);
  if (const auto* query = std::get_if<Query>(&reading)) {
    check_query(message, *query);
    check_name(query->name);
  } else if (const auto* refusal = std::get_if<Refusal>(&reading)) {
    check_refusal(message, *refusal);
  } else {
    HOLDS(size < limits::header_octets || (data[2] & 0x80U) != 0);
  }
  return 0;
}
