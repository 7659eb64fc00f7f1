#include "ostiary/policy/policy.h"

#include <algorithm>
#include <cstring>

#include "name_hash.h"

namespace ostiary::policy {
namespace {

constexpr size_t max_name = 253;

}  // namespace

Policy::Found Policy::record_at(uint32_t offset) const {
  Header header{};
  std::memcpy(&header, &arena_[offset], sizeof header);
  return {header, {arena_.data() + offset + sizeof header, header.length}};
}

const Policy::Terms* Policy::find(KeyKind kind, std::string_view name, uint64_t hash) const {
  const size_t mask = slots_.size() - 1;
  const auto tag = static_cast<uint32_t>(hash);
  for (size_t at = (hash >> 32U) & mask; slots_[at].record != 0; at = (at + 1) & mask) {
    if (slots_[at].tag != tag) continue;
    const auto [header, key] = record_at(slots_[at].record - 1);
    if (header.kind == kind && key == name) return &terms_[header.terms];
  }
  return nullptr;
}

Decision Policy::decide(std::string_view name) const {
  if (slots_.empty() || name.empty() || name.size() > max_name) return {};

  // The suffixes with as many labels as some wildcard's suffix, shortest first.
  struct Suffix {
    size_t start;
    uint64_t hash;
  };
  // Valid up to `count`. Clearing the array would cost more than the whole decision.
  std::array<Suffix, max_labels> suffixes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  size_t count = 0;
  size_t labels = 0;
  NameHash hash;
  for (size_t i = name.size(); i-- > 0;) {
    if (name[i] == '.') {
      const bool empty_label = i == 0 || i + 1 == name.size() || name[i + 1] == '.';
      if (empty_label || ++labels == max_labels) return {};
      if (wildcard_depths_[labels]) suffixes[count++] = {i + 1, hash.value(wildcard_seed)};
    }
    hash.add(name[i]);
  }

  const Terms* terms = find(KeyKind::exact, name, hash.value(exact_seed));
  const Match match = terms == nullptr ? Match::wildcard : Match::exact;
  while (terms == nullptr && count > 0) {
    const auto& suffix = suffixes[--count];
    terms = find(KeyKind::wildcard, name.substr(suffix.start), suffix.hash);
  }
  if (terms == nullptr) return {};
  return {Verdict::allow, match, terms->types, terms->grants};
}

template <typename Condition>
bool Policy::has_grant(Condition condition) const {
  return std::ranges::any_of(
      terms_, [&](const Terms& terms) { return std::ranges::any_of(terms.grants, condition); });
}

bool Policy::asks_for_names() const {
  return has_grant([](const Grant& grant) { return grant.opened_by != OpenedBy::address; });
}

bool Policy::asks_for_requests(uint16_t port) const {
  return has_grant([port](const Grant& grant) {
    return grant.opened_by != OpenedBy::address && is_opened_by(grant.opened_by, OpenedBy::http_name) &&
           grant.ports.contains(port);
  });
}

inet::PortSet Policy::ports_opened_by(OpenedBy name, const Rule& rule) const {
  inet::PortSet ports = name == OpenedBy::tls_name ? named_in_tls(rule) : named_in_http(rule);
  if (ports.empty()) return ports;
  const auto* wildcard = std::get_if<Wildcard>(&rule.subject);
  const KeyKind kind = wildcard != nullptr ? KeyKind::wildcard : KeyKind::exact;
  const std::string& key =
      (wildcard != nullptr ? wildcard->suffix : std::get<inet::HostName>(rule.subject)).text();
  const Terms* terms =
      find(kind, key, hash_of(key).value(kind == KeyKind::exact ? exact_seed : wildcard_seed));
  if (terms == nullptr) return {};
  for (const Grant& grant : terms->grants)
    if (grant.transport == Transport::tcp && grant.opened_by == OpenedBy::address) ports.remove(grant.ports);
  return ports;
}

std::vector<PlainHost> Policy::plain_hosts() const {
  std::vector<PlainHost> hosts;
  for (size_t at = 0; at < arena_.size();) {
    const auto [header, name] = record_at(static_cast<uint32_t>(at));
    if (header.kind == KeyKind::exact)
      hosts.push_back({inet::HostName::parse(name).value(), header.need, terms_[header.terms].grants});
    at += sizeof header + header.length;
  }
  return hosts;
}

}  // namespace ostiary::policy
