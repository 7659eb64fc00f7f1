// Prints how the gate's DNS reader judges messages, for comparison with another reader. Input: the
// length of a message in two octets, then the message. Output, one line each:
//   query NAME TYPE      an accepted question
//   addresses TTL A …    the addresses of a reply, read against its own question
//   none                 a reply without data
//   refused              anything else
// Names are hexadecimal octets of the wire format, in lower case; addresses are hexadecimal.
#include <cstdio>
#include <string>
#include <vector>

#include "fuzz.h"
#include "ostiary/dns/query.h"
#include "ostiary/dns/reply.h"

using namespace ostiary;
using namespace ostiary::dns;

namespace {

std::string hex(std::span<const uint8_t> octets) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const uint8_t octet : octets) text += {digits[octet >> 4U], digits[octet & 15U]};
  return text;
}

std::string verdict_on_reply(std::span<const uint8_t> message) {
  Reader cursor(message);
  cursor.seek(limits::header_octets);
  const auto name = WireName::read(cursor);
  const RecordType type{cursor.u16()};
  if (!name || !cursor.ok()) return "refused";
  const AddressReply reply = read_address_reply(message, {.name = *name, .type = type});
  if (std::holds_alternative<NoData>(reply) || std::holds_alternative<NoSuchName>(reply)) return "none";
  const auto* addresses = std::get_if<Addresses>(&reply);
  if (addresses == nullptr) return "refused";
  std::string text = "addresses " + std::to_string(addresses->ttl.count());
  for (const auto& address : addresses->list) text += " " + hex(address.octets());
  return text;
}

std::string verdict(std::span<const uint8_t> message) {
  const QueryReading reading = read_query(message);
  if (const auto* query = std::get_if<Query>(&reading))
    return "query " + hex(query->name.octets()) + " " + std::to_string(static_cast<unsigned>(query->type));
  const auto* ignored = std::get_if<Ignored>(&reading);
  return ignored != nullptr && *ignored == Ignored::response ? verdict_on_reply(message) : "refused";
}

}  // namespace

int main() {
  std::vector<uint8_t> input;
  for (int c = std::getchar(); c != EOF; c = std::getchar()) input.push_back(static_cast<uint8_t>(c));
  fuzz::Input messages(input.data(), input.size());
  while (!messages.empty()) {
    // of the exact size, so that a sanitizer detects a read past the end
    const auto message = messages.take(messages.number());
    const std::vector<uint8_t> octets(message.begin(), message.end());
    std::puts(verdict(octets).c_str());
  }
  return 0;
}
