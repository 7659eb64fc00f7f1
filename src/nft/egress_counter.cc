#include "ostiary/nft/egress_counter.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "libnftables.h"
#include "ostiary/base/encoding.h"
#include "ostiary/base/json.h"

namespace ostiary::nft {
namespace {

// After source NAT (100), and after the priorities that other tables are likely to use.
constexpr const char* priority = "1000";

std::string table() {
  return "table inet " + std::string(egress_counter_table);
}

// Equal addresses share a counter: a packet meets no rule after the first that matches.
std::string counter(std::span<const Counted> addresses, size_t number) {
  return "c" + std::to_string(std::ranges::find(addresses, addresses[number]) - addresses.begin());
}

// Matches packets whose source route ends at the address: IPv6 segment routing, and IPv4's loose
// source route. The last stop follows the fixed header. It is matched by its offset, because older
// releases of nftables cannot match an address there by name.
std::string is_last_stop(const inet::IpAddress& address) {
  std::string text = address.family() == inet::Family::ipv4 ? "ip hdrlength 7 @nh,184,32 0x"
                                                            : "ip6 nexthdr 43 @nh,384,128 0x";
  for (const uint8_t octet : address.octets()) append_hexadecimal(text, octet);
  return text;
}

// Packets to the address, from it, first meant for it, or with a source route that ends at it.
std::vector<std::string> matches(const Counted& counted) {
  const bool mapped = counted.form == Counted::Form::mapped;
  const std::string address = (mapped ? "::ffff:" : "") + counted.address.text();
  const std::string ip = mapped || counted.address.family() == inet::Family::ipv6 ? "ip6" : "ip";
  std::vector<std::string> all{ip + " daddr " + address, ip + " saddr " + address,
                               "ct original " + ip + " daddr " + address};
  if (!mapped) all.push_back(is_last_stop(counted.address));
  return all;
}

// "add" first, so that "delete" finds a table.
std::string commands(std::span<const Counted> addresses) {
  std::string text = "add " + table() + "\ndelete " + table() + "\n" + table() + " {\n";
  for (size_t i = 0; i < addresses.size(); ++i)
    text += "counter " + counter(addresses, i) + " { packets 0 bytes 0 }\n";
  text += "chain leaving { type filter hook postrouting priority " + std::string(priority) + ";\n";
  for (size_t i = 0; i < addresses.size(); ++i)
    for (const std::string& match : matches(addresses[i]))
      text += match + " counter name " + counter(addresses, i) + " accept\n";
  return text + "}\n}\n";
}

std::optional<uint64_t> packets_of(std::span<const Json> objects, const std::string& counter) {
  for (const Json& object : objects) {
    const Json* const found = object.find("counter");
    if (found == nullptr) continue;
    const Json* const name = found->find("name");
    const Json* const packets = found->find("packets");
    if (name != nullptr && name->text() != nullptr && *name->text() == counter && packets != nullptr)
      return packets->number();
  }
  return std::nullopt;
}

}  // namespace

Result<EgressCounter> EgressCounter::begin(std::span<const Counted> addresses) {
  TRY(run_commands(commands(addresses)));
  return EgressCounter({addresses.begin(), addresses.end()});
}

EgressCounter::EgressCounter(EgressCounter&& other) noexcept
    : addresses_(std::exchange(other.addresses_, {})) {}

// If this fails, the table that stays only counts.
EgressCounter::~EgressCounter() {
  if (!addresses_.empty()) (void)run_commands("delete " + table() + "\n");
}

Result<std::vector<uint64_t>> EgressCounter::read() const {
  const auto listing = Json::parse(TRY(run_commands("list counters " + table() + "\n", NFT_CTX_OUTPUT_JSON)));
  const Json* const objects = listing ? listing->find("nftables") : nullptr;
  std::vector<uint64_t> counts;
  for (size_t i = 0; objects != nullptr && i < addresses_.size(); ++i)
    if (const auto packets = packets_of(objects->elements(), counter(addresses_, i)))
      counts.push_back(*packets);
  if (counts.size() != addresses_.size())
    return fail(Exit::unavailable, "nftables: cannot read the counters of the table inet ostiary_self_test");
  return counts;
}

}  // namespace ostiary::nft
