// gate/answerer.h: answers the agent's DNS questions.
// - The gate never sends a denied name upstream, for any record type.
// - An answer holds an address only after the kernel has acknowledged its admission. If the kernel
//   refuses, the answer is SERVFAIL.
// - An answer to A or AAAA holds only addresses to which the question leads. They are public,
//   unless the rule allows private ones.
// - A cached answer whose admission outlasts its TTL takes no admission and no memory allocation.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "client.h"
#include "ledger.h"
#include "limits.h"
#include "ostiary/dns/answer.h"
#include "ostiary/dns/cache.h"
#include "ostiary/dns/query.h"
#include "ostiary/dns/reply.h"
#include "ostiary/event/loop.h"
#include "ostiary/link/gate_terms.h"
#include "ostiary/policy/policy.h"
#include "ostiary/upstream/upstream.h"
#include "recorder.h"
#include "wildcard_budget.h"

namespace ostiary::gate {

// The result of a question.
struct Resolution {
  // Ordered by how much each says about the name. `withheld`: the name has addresses, but its rules
  // allow none of them.
  enum class Kind : uint8_t { no_data, no_such_name, failed, withheld, addresses, records };
  Kind kind = Kind::failed;
  // For `addresses`, and for `withheld` if the reply is not from the cache.
  std::span<const inet::IpAddress> addresses = {};
  const dns::RrSet* records = nullptr;
  std::chrono::seconds ttl{};
  std::optional<dns::Explanation> why = {};      // if there is no answer
  std::optional<audit::DenyReason> denied = {};  // if the gate denies the answer
  std::string failure = {};                      // the cause of `failed`, as text
};

class Answerer {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using OnResolved = std::move_only_function<void(const Resolution&)>;
  // Sends an answer. The octets are valid during the call.
  using SendFn = std::function<void(const Client&, std::span<const uint8_t>)>;

  // All must outlive the Answerer.
  struct Dependencies {
    const policy::Policy& policy;
    upstream::Upstream& upstream;
    Ledger& ledger;
    Recorder& recorder;
    WildcardBudget& wildcards;
    event::Clock clock;  // gives the time at which a reply arrives
  };

  Answerer(Dependencies dependencies, Terms terms, SendFn send_answer);

  // Handles a message from the agent. Sends at most one answer, within the call or later.
  void take(std::span<const uint8_t> message, const Client& client, Time now);

  // Resolves an allowed name, for the agent or for the plan. `on_resolved` may run within the call.
  void resolve(const dns::Question& question, const policy::Decision& decision, OnResolved on_resolved);

 private:
  struct Less {
    bool operator()(const dns::Question& a, const dns::Question& b) const;
  };
  struct Pending {
    policy::Decision decision;
    std::vector<OnResolved> waiting;
  };

  bool answer_from_cache(const dns::Query& query, const Client& client, Time now);
  void answer_uncached(const dns::Query& query, const Client& client, Time now);
  void deny(const dns::Query& query, const Client& client, Time now);
  void deny_at_bound(const dns::Query& query, const Client& client, std::string_view bound, Time now);
  // Answers the agent, and audits a denial.
  void answer(const dns::WireName& name, dns::RecordType type, const dns::Envelope& envelope,
              const Client& client, const Resolution& resolution, Time now);
  void write(const dns::Envelope& envelope, const Client& client, const Resolution& resolution);
  void write_empty(const dns::Envelope& envelope, const Client& client, dns::Rcode rcode,
                   const std::optional<dns::Explanation>& why = std::nullopt);
  void send(const Client& client, size_t size);

  upstream::Origin origin_of(const dns::Question& question, uint16_t id, const Client& client);
  bool is_reachable(dns::RecordType type) const;
  // Counts the name if only a wildcard allows it. No: the budget is used up.
  bool may_send(const policy::Decision& decision, Time now);
  void finish(const dns::Question& question, const upstream::Reply& reply);
  Resolution read_reply(const dns::Question& question, const policy::Decision& decision,
                        std::span<const uint8_t> reply, Time now);
  Resolution take_addresses(const dns::Question& question, const policy::Decision& decision,
                            const dns::Addresses& addresses, Time now);
  Resolution take_records(const dns::Question& question, std::span<const uint8_t> reply, Time now);
  Resolution without_network(const dns::WireName& name, Time now);
  Resolution failed(const dns::Question& question, std::string_view why, Time now);
  std::optional<Time> admit(std::string_view name, std::span<const inet::IpAddress> addresses,
                            const policy::Decision& decision, std::chrono::seconds ttl, Time now);
  void audit_allowed(const dns::WireName& name, std::string_view text, const policy::Decision& decision);
  void audit_denied(const dns::WireName& name, dns::RecordType type, audit::DenyReason why,
                    std::string_view detail, Time now);

  Dependencies dependencies_;
  Terms terms_;
  SendFn send_answer_;
  HashKey key_;
  dns::Cache cache_;
  std::map<dns::Question, Pending, Less> pending_;
  std::unordered_set<uint64_t> audited_;  // hashes of the names that the audit reports as allowed
  // Of the latest reply: the permitted addresses, or all addresses if none is permitted.
  std::vector<inet::IpAddress> addresses_;
  dns::RrSet records_;  // of the latest reply
  std::array<uint8_t, dns::limits::answer_octets> buffer_{};
};

}  // namespace ostiary::gate
