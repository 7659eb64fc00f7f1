// An upstream's reply of any octets. The result is exactly what another reader finds at the end of
// the chain of aliases that starts at the question. A reply that is cut short is malformed. Records
// that are passed on read back as they were written.
#include <array>
#include <optional>
#include <utility>

#include "ostiary/dns/answer.h"
#include "ostiary/dns/reply.h"
#include "ostiary/dns/rrset.h"
#include "slow_dns.h"

using namespace ostiary;
using namespace ostiary::dns;
using fuzz::Bytes;
using fuzz::SlowMessage;

namespace {

constexpr auto types = std::to_array<uint16_t>({1, 28, 15, 16, 33, 6, 2, 12, 35, 257, 52});

std::string labels_of(const WireName& name) {
  return std::string(fuzz::as_text(name.octets().first(name.octets().size() - 1)));
}

// Uses the reply's own question, so that most replies answer it.
Question question_of(Bytes message, uint16_t type) {
  Question question{.name = {}, .type = RecordType{type}};
  Reader cursor(message);
  cursor.seek(limits::header_octets);
  if (const auto name = WireName::read(cursor)) question.name = *name;
  if (const RecordType own{cursor.u16()}; cursor.ok()) question.type = own;
  return question;
}

// The end of the chain of aliases, and its TTL. Nothing if an alias leads nowhere or in a circle.
struct End {
  std::string name;
  uint32_t ttl = UINT32_MAX;
};
std::optional<End> end_of_chain(const SlowMessage& slow, const Question& question) {
  End end{labels_of(question.name)};
  const auto type = std::to_underlying(question.type);
  for (size_t links = 0; links <= limits::alias_links; ++links) {
    const auto aliases = slow.at(end.name, 5);
    if (!slow.at(end.name, type).empty() || aliases.empty()) return end;
    for (const auto* alias : aliases) end.ttl = std::min(end.ttl, alias->ttl >> 31U != 0 ? 0 : alias->ttl);
    end.name = slow.target(*aliases.front());
  }
  return std::nullopt;
}

bool is_mapped(Bytes address) {
  constexpr std::array<uint8_t, 12> prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return address.size() == 16 && std::ranges::equal(address.first(12), prefix);
}

std::set<std::string> expected_addresses(const SlowMessage& slow, const std::string& name, uint16_t type) {
  std::set<std::string> expected;
  for (const auto* record : slow.at(name, type))
    if (!is_mapped(record->rdata)) expected.emplace(fuzz::as_text(record->rdata));
  return expected;
}

void check_ttl(std::chrono::seconds ttl) {
  HOLDS(ttl >= limits::ttl_min && ttl <= limits::ttl_max);
}

void check_addresses(const SlowMessage& slow, const Question& question, const Addresses& addresses) {
  const auto type = std::to_underlying(question.type);
  HOLDS(slow.is_response() && slow.rcode() == 0 && slow.type == type &&
        slow.name == labels_of(question.name));
  const auto end = end_of_chain(slow, question);
  HOLDS(end.has_value());
  std::set<std::string> found;
  for (const auto& address : addresses.list) HOLDS(found.emplace(fuzz::as_text(address.octets())).second);
  const auto expected = expected_addresses(slow, end->name, type);
  HOLDS(std::ranges::includes(expected, found));
  HOLDS(!found.empty() &&
        (found == expected || (found.size() == limits::addresses && addresses.dropped > 0)));
  HOLDS(std::ranges::includes(addresses_reached(slow, slow.name, type), found));
  check_ttl(addresses.ttl);
  uint32_t least = end->ttl;
  for (const auto* record : slow.at(end->name, type))
    least = std::min(least, record->ttl >> 31U != 0 ? 0 : record->ttl);
  HOLDS(addresses.ttl <= std::max(limits::ttl_min, std::chrono::seconds(least)));
}

// If the result says that a name or type does not exist, the reply does not contradict it.
void check_no_data(const SlowMessage& slow, const Question& question) {
  HOLDS(slow.rcode() == 0);
  const auto type = std::to_underlying(question.type);
  if (const auto end = end_of_chain(slow, question); end && (type == 1 || type == 28))
    HOLDS(expected_addresses(slow, end->name, type).empty());
}

void check_records(const Question& question, const RrSet& records) {
  HOLDS(records.type == question.type && !records.rdata.empty());
  HOLDS(records.rdata.size() <= limits::rrset_records);
  check_ttl(records.ttl);
  // As the agent reads them.
  std::vector<uint8_t> octets(question.name.octets().begin(), question.name.octets().end());
  const auto type = std::to_underlying(question.type);
  octets.insert(octets.end(), {static_cast<uint8_t>(type >> 8U), static_cast<uint8_t>(type), 0, 1});
  const Envelope envelope{.id = 7, .flags = 0, .edns = {}, .question = octets};
  std::array<uint8_t, limits::answer_octets> room;
  const Bytes answer = std::span(room).first(write_records(room, envelope, records));
  const SlowMessage read_back = fuzz::read_slowly(answer);
  HOLDS(read_back.answers.size() == records.rdata.size() && read_back.end == answer.size());
  const RecordReply again = read_record_reply(answer, question);
  HOLDS(std::holds_alternative<RrSet>(again));
  HOLDS(std::get<RrSet>(again).rdata == records.rdata && std::get<RrSet>(again).ttl == records.ttl);
}

template <typename Reading>
void check_prefixes(const SlowMessage& slow, const Question& question, Reading read) {
  const size_t sizes[] = {0, slow.end / 3, slow.end / 2, slow.end - slow.end / 8 - 1, slow.end - 1};
  for (const size_t size : sizes)
    HOLDS(std::holds_alternative<MalformedReply>(read(slow.octets.first(size), question)));
}

void check(Bytes message, const Question& question) {
  const AddressReply reply = read_address_reply(message, question);
  if (const auto* addresses = std::get_if<Addresses>(&reply)) {
    const SlowMessage slow = fuzz::read_slowly(message);
    check_addresses(slow, question, *addresses);
    check_prefixes(slow, question, read_address_reply);
  } else if (std::holds_alternative<NoData>(reply)) {
    const SlowMessage slow = fuzz::read_slowly(message);
    check_no_data(slow, question);
    check_prefixes(slow, question, read_address_reply);
  } else if (std::holds_alternative<NoSuchName>(reply)) {
    HOLDS(fuzz::read_slowly(message).rcode() == 3);
  }
  const RecordReply records = read_record_reply(message, question);
  if (const auto* set = std::get_if<RrSet>(&records)) {
    check_records(question, *set);
    check_prefixes(fuzz::read_slowly(message), question, read_record_reply);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const uint16_t type = types[input.octet() % types.size()];
  const Bytes message = input.rest();
  Question question = question_of(message, type);
  check(message, question);
  question.type = RecordType{type};
  check(message, question);
  std::array<uint8_t, limits::udp_payload_min> room;
  const Bytes asked = std::span(room).first(write_query(room, 7, question));
  const SlowMessage slow = fuzz::read_slowly(asked);
  HOLDS(slow.name == labels_of(question.name) && slow.type == type && slow.end == asked.size());
  return 0;
}
