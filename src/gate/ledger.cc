#include "ledger.h"

#include <algorithm>
#include <unordered_set>

#include <netinet/in.h>

#include "limits.h"
#include "ostiary/inet/hash.h"
#include "ostiary/inet/special.h"

namespace ostiary::gate {
namespace {

using std::chrono::ceil;
using std::chrono::seconds;

nft::Admits admits(const policy::Grant& grant) {
  return grant.opened_by == policy::OpenedBy::address ? nft::Admits::any_flow : nft::Admits::named_flows;
}

}  // namespace

size_t Ledger::Hash::operator()(const inet::IpAddress& address) const noexcept {
  return inet::hash_of(address);
}

size_t Ledger::Hash::operator()(const Key& key) const noexcept {
  return (*this)(key.address) * 31U + (size_t{key.port} << 8U) + key.protocol +
         (key.admits == nft::Admits::any_flow ? 0 : 1);
}

void Ledger::note(const inet::IpAddress& address, const Name& name) {
  // The sets of an earlier gate may have the address for names that only that gate knew.
  Names& names =
      names_.try_emplace(address, Names{.known = {}, .were_forgotten = initial_sets_ != InitialSets::empty})
          .first->second;
  std::erase_if(names.known, [&name](const Name& each) { return *each == *name; });
  if (names.known.size() == limits::names_of_an_address) {
    names.known.erase(names.known.begin());
    names.were_forgotten = true;
  }
  names.known.push_back(name);
}

// Removes expired admissions if the table is full.
Result<> Ledger::make_room(size_t more, Time now) {
  if (entries_.size() + more <= limits::ledger_entries) return {};
  std::erase_if(entries_, [now](const auto& entry) { return entry.second <= now; });
  std::unordered_set<inet::IpAddress, Hash> left;
  for (const auto& [key, until] : entries_) left.insert(key.address);
  std::erase_if(names_, [&left](const auto& named) { return !left.contains(named.first); });
  if (entries_.size() + more <= limits::ledger_entries) return {};
  return fail(Exit::unavailable,
              "admission table is full (" + std::to_string(limits::ledger_entries) + " entries)");
}

Result<Ledger::Time> Ledger::admit(std::string_view name, std::span<const inet::IpAddress> addresses,
                                   std::span<const policy::Grant> grants, seconds lifetime, Time now) {
  keys_.clear();
  admissions_.clear();
  size_t added = 0;
  for (const inet::IpAddress& address : addresses)
    for (const policy::Grant& grant : grants) {
      if (!policy::covers(grant, inet::classify(address))) continue;
      for (uint32_t port = grant.ports.first; port <= grant.ports.last; ++port) {
        const Key key{address, static_cast<uint16_t>(port), static_cast<uint8_t>(grant.transport),
                      admits(grant)};
        const auto known = entries_.find(key);
        const Time until = std::max(now + lifetime, known == entries_.end() ? now : known->second);
        const bool is_absent = initial_sets_ == InitialSets::empty && known == entries_.end();
        if (known == entries_.end() || known->second <= now) ++added;
        keys_.push_back(key);
        admissions_.push_back({.address = address,
                               .protocol = key.protocol,
                               .port = key.port,
                               .lifetime = ceil<seconds>(until - now),
                               .prior = is_absent ? nft::Prior::absent : nft::Prior::unknown,
                               .admits = key.admits});
      }
    }
  TRY(make_room(added, now));  // a renewal needs no room
  TRY(kernel_.admit(admissions_));
  for (size_t i = 0; i < keys_.size(); ++i) entries_[keys_[i]] = now + admissions_[i].lifetime;
  const auto shared_name = std::make_shared<const std::string>(name);
  for (const inet::IpAddress& address : addresses) note(address, shared_name);
  return now + lifetime;
}

Result<> Ledger::restore(Time now) {
  admissions_.clear();
  for (const auto& [key, until] : entries_)
    if (until > now)
      admissions_.push_back({.address = key.address,
                             .protocol = key.protocol,
                             .port = key.port,
                             .lifetime = ceil<seconds>(until - now),
                             .prior = nft::Prior::unknown,
                             .admits = key.admits});
  return kernel_.admit(admissions_);
}

std::string_view Ledger::name_of(const inet::IpAddress& address) const {
  const auto found = names_.find(address);
  return found == names_.end() ? std::string_view{} : std::string_view(*found->second.known.back());
}

bool Ledger::may_have(const inet::IpAddress& address, std::string_view name) const {
  const auto found = names_.find(address);
  if (found == names_.end() || found->second.were_forgotten) return true;
  return std::ranges::any_of(found->second.known, [name](const Name& each) { return *each == name; });
}

bool Ledger::admits_any_flow(const inet::IpAddress& address, uint16_t port, Time now) const {
  const auto found = entries_.find({address, port, IPPROTO_TCP, nft::Admits::any_flow});
  return found != entries_.end() && found->second > now;
}

}  // namespace ostiary::gate
