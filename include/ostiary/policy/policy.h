// policy/policy.h: the compiled set of rules; answers what a name may be used for.
// Immutable once compiled. decide() allocates nothing, and its cost depends on the length of the name alone:
// one probe for the name and at most one for each of its suffixes, never on the number of rules. Whatever no
// rule names is denied. The work is done in compile(): every name and every wildcard carries the union of all
// rules that match it, so the first hit, from the whole name to its shortest suffix, is the answer.
#pragma once

#include <array>
#include <bitset>
#include <compare>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ostiary/inet/special.h"
#include "ostiary/policy/rule.h"

namespace ostiary::policy {

enum class Verdict : uint8_t { deny, allow };  // Verdict{} == Verdict::deny

// By their numbers in the IP header.
enum class Transport : uint8_t { tcp = 6, udp = 17 };

// Ports that may be reached over one transport, and at which of the addresses that a name leads to.
struct Grant {
  Transport transport;
  inet::PortRange ports;
  Answers answers = Answers::public_only;
  auto operator<=>(const Grant&) const = default;
};

// Whether the grant of a name holds for an address of this kind. No name leads to a metadata service: only a
// rule for that very address opens one.
constexpr bool covers(const Grant& grant, inet::AddressClass reach) {
  if (reach == inet::AddressClass::public_internet) return true;
  return reach != inet::AddressClass::metadata && grant.answers == Answers::private_too;
}

// What led to a decision: a rule for the very name, or only one for what is below some domain.
enum class Match : uint8_t { wildcard, exact };

// What the policy says about a name. The grants live as long as the policy.
struct Decision {
  Verdict verdict = Verdict::deny;
  Match match = Match::wildcard;
  RecordTypes types = {};
  std::span<const Grant> grants;  // sorted, each port of a transport once
};

// A host to resolve at boot.
struct PlainHost {
  inet::HostName name;
  Need need;
  std::span<const Grant> grants;
};

// Addresses that are open without a name. A network holds no metadata service: where a rule's network has one
// inside, the networks around it stand here instead.
struct StaticGrant {
  inet::Prefix prefix;
  std::vector<Grant> grants;
};

class Policy {
 public:
  static constexpr size_t max_labels = 127;

  Policy() = default;  // denies everything
  static Policy compile(std::span<const Rule> rules);

  Decision decide(const inet::HostName& name) const { return decide(name.text()); }
  // For the hot path. The name is lower case, without a trailing dot, and no label of it holds a dot: what
  // decides is the text, so whoever turns wire labels into text must refuse such a label first.
  Decision decide(std::string_view name) const;

  // In the order of the rules, each host once.
  std::vector<PlainHost> plain_hosts() const;
  std::span<const StaticGrant> static_grants() const { return static_grants_; }

  size_t memory() const;  // octets held

 private:
  friend class Compiler;

  // What rules together allow. Few differ, so names share them.
  struct Terms {
    RecordTypes types;
    std::vector<Grant> grants;
    auto operator<=>(const Terms&) const = default;
  };

  enum class KeyKind : uint8_t { exact, wildcard };

  // In front of each name in the arena.
  struct Header {
    uint32_t terms;
    KeyKind kind;
    Need need;
    uint8_t length;
    uint8_t unused;
  };

  struct Slot {
    uint32_t tag = 0;     // of the hash, so that few other names are looked at
    uint32_t record = 0;  // where the header is in the arena, plus one; 0 is an empty slot
  };

  struct Found {
    Header header;
    std::string_view name;
  };

  Found record_at(uint32_t offset) const;
  const Terms* find(KeyKind kind, std::string_view name, uint64_t hash) const;

  std::vector<Slot> slots_;  // a power of two of them, at most half of them full
  std::vector<char> arena_;  // headers, each followed by its name
  std::vector<Terms> terms_;
  std::bitset<max_labels + 1> wildcard_depths_;  // how many labels the wildcards' suffixes have
  std::vector<StaticGrant> static_grants_;
};

}  // namespace ostiary::policy
