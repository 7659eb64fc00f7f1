// Compiles rules into the table that policy.h describes.
#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "name_hash.h"
#include "ostiary/policy/policy.h"

namespace ostiary::policy {
namespace {

// The union of what rules open over one transport.
class Opened {
 public:
  explicit Opened(Transport transport) : transport_(transport) {}

  void add(const Rule& rule) {
    all_.add(rule.ports);
    if (rule.answers == Answers::private_too) private_too_.add(rule.ports);
    inet::PortSet by_address = rule.ports;
    const auto add_named = [&](inet::PortSet& to, const inet::PortSet& named) {
      to.add(named);
      for (const inet::PortRange& range : named.ranges()) by_address.remove(range);
    };
    if (transport_ == Transport::tcp) {
      add_named(in_tls_, named_in_tls(rule));
      add_named(in_http_, named_in_http(rule));
    }
    by_address_.add(by_address);
  }

  // A grant ends where a range of one of the sets begins or ends, and the next is opened in another way.
  void append_to(std::vector<Grant>& grants) const {
    std::set<uint32_t> starts;
    for (const inet::PortSet* set : {&all_, &private_too_, &by_address_, &in_tls_, &in_http_})
      for (const auto [first, last] : set->ranges()) starts.insert({first, last + 1U});
    for (auto start = starts.begin(); start != starts.end(); ++start) {
      if (!all_.contains(*start)) continue;
      const auto first = static_cast<uint16_t>(*start);
      const auto last = static_cast<uint16_t>(*std::next(start) - 1);
      add({transport_,
           {first, last},
           private_too_.contains(first) ? Answers::private_too : Answers::public_only,
           opened_by(first)},
          grants);
    }
  }

 private:
  static bool continues(const Grant& last, const Grant& next) {
    return last.transport == next.transport && last.ports.last + 1 == next.ports.first &&
           last.answers == next.answers && last.opened_by == next.opened_by;
  }

  static void add(const Grant& grant, std::vector<Grant>& grants) {
    if (!grants.empty() && continues(grants.back(), grant))
      grants.back().ports.last = grant.ports.last;
    else
      grants.push_back(grant);
  }

  OpenedBy opened_by(uint16_t port) const {
    if (by_address_.contains(port)) return OpenedBy::address;
    if (!in_http_.contains(port)) return OpenedBy::tls_name;
    return in_tls_.contains(port) ? OpenedBy::either_name : OpenedBy::http_name;
  }

  Transport transport_;
  inet::PortSet all_;
  // Parts of `all_`.
  inet::PortSet private_too_;
  inet::PortSet by_address_;
  inet::PortSet in_tls_;
  inet::PortSet in_http_;
};

}  // namespace

class Compiler {
 public:
  explicit Compiler(std::span<const Rule> rules) : rules_(rules) {}

  Policy run() {
    for (const Rule& rule : rules_) gather(rule);
    policy_.slots_.resize(std::bit_ceil(2 * std::max<size_t>(keys_.size(), 1)));
    for (const auto& [kind, name] : keys_) add_record(kind, name);
    for (const auto& [prefix, matching] : by_prefix_) add_network(prefix, unite(matching).grants);
    policy_.arena_.shrink_to_fit();
    return std::move(policy_);
  }

 private:
  using Terms = Policy::Terms;
  using KeyKind = Policy::KeyKind;
  using Matching = std::vector<const Rule*>;
  using ByName = std::unordered_map<std::string_view, Matching>;

  void gather(const Rule& rule) {
    if (const auto* prefix = std::get_if<inet::Prefix>(&rule.subject)) {
      by_prefix_[*prefix].push_back(&rule);
      return;
    }
    const auto* wildcard = std::get_if<Wildcard>(&rule.subject);
    const KeyKind kind = wildcard != nullptr ? KeyKind::wildcard : KeyKind::exact;
    const std::string_view name =
        wildcard != nullptr ? wildcard->suffix.text() : std::get<inet::HostName>(rule.subject).text();
    Matching& matching = (kind == KeyKind::wildcard ? by_suffix_ : by_name_)[name];
    if (matching.empty()) keys_.emplace_back(kind, name);
    matching.push_back(&rule);
  }

  // The rules for the key itself and for every wildcard that covers it.
  Matching rules_for(KeyKind kind, std::string_view name) const {
    Matching matching = (kind == KeyKind::wildcard ? by_suffix_ : by_name_).at(name);
    for (size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1))
      if (const auto around = by_suffix_.find(name.substr(dot + 1)); around != by_suffix_.end())
        matching.insert(matching.end(), around->second.begin(), around->second.end());
    return matching;
  }

  static Terms unite(const Matching& matching) {
    Terms terms;
    Opened tcp(Transport::tcp);
    Opened udp(Transport::udp);
    for (const Rule* rule : matching) {
      terms.types.add(rule->types);
      if (rule->protocol != Protocol::udp) tcp.add(*rule);
      if (rule->protocol != Protocol::tcp) udp.add(*rule);
    }
    tcp.append_to(terms.grants);
    udp.append_to(terms.grants);
    return terms;
  }

  void add_network(const inet::Prefix& prefix, const std::vector<Grant>& grants) {
    if (prefix == inet::Prefix::single(prefix.network()))
      return policy_.static_grants_.push_back({prefix, grants});
    for (const inet::Prefix& part : inet::without(prefix, inet::metadata_services()))
      policy_.static_grants_.push_back({part, grants});
  }

  uint32_t intern(Terms terms) {
    const auto [at, is_new] = known_terms_.try_emplace(terms, static_cast<uint32_t>(policy_.terms_.size()));
    if (is_new) policy_.terms_.push_back(std::move(terms));
    return at->second;
  }

  void add_record(KeyKind kind, std::string_view name) {
    const Matching matching = rules_for(kind, name);
    const auto offset = static_cast<uint32_t>(policy_.arena_.size());
    const Policy::Header header{.terms = intern(unite(matching)),
                                .kind = kind,
                                .need = std::ranges::max(matching, {}, &Rule::need)->need,
                                .length = static_cast<uint8_t>(name.size()),
                                .unused = 0};
    policy_.arena_.resize(offset + sizeof header);
    std::memcpy(&policy_.arena_[offset], &header, sizeof header);
    policy_.arena_.insert(policy_.arena_.end(), name.begin(), name.end());
    if (kind == KeyKind::wildcard)
      policy_.wildcard_depths_.set(1 + static_cast<size_t>(std::ranges::count(name, '.')));
    insert_slot(hash_of(name).value(kind == KeyKind::exact ? exact_seed : wildcard_seed), offset);
  }

  void insert_slot(uint64_t hash, uint32_t offset) {
    const size_t mask = policy_.slots_.size() - 1;
    size_t at = (hash >> 32U) & mask;
    while (policy_.slots_[at].record != 0) at = (at + 1) & mask;
    policy_.slots_[at] = {static_cast<uint32_t>(hash), offset + 1};
  }

  std::span<const Rule> rules_;
  std::vector<std::pair<KeyKind, std::string_view>> keys_;  // distinct, in the order of the rules
  ByName by_name_;
  ByName by_suffix_;
  std::map<inet::Prefix, Matching> by_prefix_;
  std::map<Terms, uint32_t> known_terms_;
  Policy policy_;
};

Policy Policy::compile(std::span<const Rule> rules) {
  return Compiler(rules).run();
}

}  // namespace ostiary::policy
