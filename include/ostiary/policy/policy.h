// policy/policy.h: the compiled set of rules. It decides which ports and record types a name has.
// - A name or address that no rule matches is denied.
// - A Policy does not change after compile().
// - compile() stores, for every name and every wildcard, the union of all rules that match it. So
//   the first match, from the whole name to its shortest suffix, is the answer.
// - decide() does not allocate. Its cost depends only on the length of the name, not on the number
//   of rules: one lookup for the name and at most one for each suffix.
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

// The values are the protocol numbers of the IP header.
enum class Transport : uint8_t { tcp = 6, udp = 17 };

// What opens a flow: an address that was admitted, or beside it the name of a host for which that address was admitted,
// in a TLS hello or in each HTTP request.
enum class OpenedBy : uint8_t { address, tls_name, http_name, either_name };

constexpr bool is_opened_by(OpenedBy how, OpenedBy name) {
  return how == OpenedBy::address || how == OpenedBy::either_name || how == name;
}

// Ports that the agent may reach over one transport, the kinds of addresses at which it may, and how.
struct Grant {
  Transport transport;
  inet::PortRange ports;
  Answers answers = Answers::public_only;
  OpenedBy opened_by = OpenedBy::address;
  auto operator<=>(const Grant&) const = default;
};

// Whether a grant for a name applies to an address of this class. A name never opens a metadata
// service. Only a rule for exactly that address does.
constexpr bool covers(const Grant& grant, inet::AddressClass reach) {
  if (reach == inet::AddressClass::public_internet) return true;
  return reach != inet::AddressClass::metadata && grant.answers == Answers::private_too;
}

// The rule that matched: one for exactly this name, or only a wildcard.
enum class Match : uint8_t { wildcard, exact };

// The policy's decision about a name. The grants live as long as the policy.
struct Decision {
  Verdict verdict = Verdict::deny;
  Match match = Match::wildcard;
  RecordTypes types = {};
  std::span<const Grant> grants;  // sorted; each port of a transport occurs once
};

// A host to resolve at boot.
struct PlainHost {
  inet::HostName name;
  Need need;
  std::span<const Grant> grants;
};

// Addresses that a rule opens directly, without a name. A network of several addresses contains no
// metadata service: compile() splits the network of a rule around such an address.
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
  // For the hot path. Requires a name in lower case, without a trailing dot and without a dot
  // inside a label. The text alone decides, so a caller that converts wire labels to text must
  // first refuse a label that contains a dot.
  Decision decide(std::string_view name) const;

  // In the order of the rules, each host once.
  std::vector<PlainHost> plain_hosts() const;
  std::span<const StaticGrant> static_grants() const { return static_grants_; }
  // Whether some flow is opened by a name beside the address.
  bool asks_for_names() const;
  // Whether some flow to that port is opened by the name in its HTTP requests.
  bool asks_for_requests(uint16_t port) const;
  // The ports of one of its rules on which a flow must name the host in TLS, or in HTTP, whichever rule opens them. A
  // rule for a name below that of a wildcard may still open one for that name.
  inet::PortSet ports_opened_by(OpenedBy name, const Rule& rule) const;

 private:
  friend class Compiler;

  // The union of several rules. Few unions differ, so names share them.
  struct Terms {
    RecordTypes types;
    std::vector<Grant> grants;
    auto operator<=>(const Terms&) const = default;
  };

  enum class KeyKind : uint8_t { exact, wildcard };

  // Precedes each name in the arena.
  struct Header {
    uint32_t terms;
    KeyKind kind;
    Need need;
    uint8_t length;
    uint8_t unused;
  };

  struct Slot {
    uint32_t tag = 0;     // a part of the hash, so that a lookup compares few other names
    uint32_t record = 0;  // the header's offset in the arena, plus one; 0: the slot is empty
  };

  struct Found {
    Header header;
    std::string_view name;
  };

  Found record_at(uint32_t offset) const;
  template <typename Condition>
  bool has_grant(Condition condition) const;
  const Terms* find(KeyKind kind, std::string_view name, uint64_t hash) const;

  std::vector<Slot> slots_;  // the size is a power of two, and at most half of the slots are full
  std::vector<char> arena_;  // headers, each followed by its name
  std::vector<Terms> terms_;
  std::bitset<max_labels + 1> wildcard_depths_;  // bit n: a wildcard's suffix has n labels
  std::vector<StaticGrant> static_grants_;
};

}  // namespace ostiary::policy
