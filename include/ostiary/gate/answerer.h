// gate/answerer.h: from the agent's question to its answer.
// - A name the policy denies is never asked upstream, whatever the record type.
// - An address is told only after the kernel has acknowledged its admission; if it refuses, the answer is
// SERVFAIL.
// - An answer holds addresses that the question led to, public ones unless the rule says otherwise, and
// nothing else.
// - A cached answer whose admission outlasts its TTL is written without a kernel call and without an
// allocation.
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

#include "ostiary/dns/answer.h"
#include "ostiary/dns/cache.h"
#include "ostiary/dns/query.h"
#include "ostiary/dns/reply.h"
#include "ostiary/gate/client.h"
#include "ostiary/gate/ledger.h"
#include "ostiary/gate/limits.h"
#include "ostiary/gate/recorder.h"
#include "ostiary/gate/wildcard_budget.h"
#include "ostiary/policy/policy.h"
#include "ostiary/upstream/upstream.h"

namespace ostiary::gate {

// Whether addresses of a family lead anywhere from here. Where they do not, the answer is that there are
// none, so that nobody waits for a connection that cannot be; where neither does, it is SERVFAIL.
enum class Reachability : uint8_t { unreachable, reachable };

struct Terms {
  std::chrono::seconds hold;  // an admission lasts at least that long
  Reachability ipv4 = Reachability::reachable;
  Reachability ipv6 = Reachability::reachable;
};

// What became of a question.
struct Resolution {
  // In the order of how much they say of a name. `withheld`: the name has addresses, and no rule lets any of
  // them be told.
  enum class Kind : uint8_t { no_data, no_such_name, failed, withheld, addresses, records };
  Kind kind = Kind::failed;
  std::span<const inet::IpAddress> addresses = {};  // those that were withheld as well
  const dns::RrSet* records = nullptr;
  std::chrono::seconds ttl{};
  std::optional<dns::Explanation> why = {};      // where there is no answer
  std::optional<audit::DenyReason> denied = {};  // where that is a denial of ours
  std::string failure = {};                      // what the upstream did, for people
};

class Answerer {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Found = std::move_only_function<void(const Resolution&)>;
  // Takes an answer on its way. The octets are valid during the call.
  using SendFn = std::function<void(const Client&, std::span<const uint8_t>)>;

  // All of them outlive this.
  struct Dependencies {
    const policy::Policy& policy;
    upstream::Upstream& upstream;
    Ledger& ledger;
    Recorder& recorder;
    WildcardBudget& wildcards;
  };

  Answerer(Dependencies around, Terms terms, SendFn send_answer);

  // A message of the agent's.
  void take(std::span<const uint8_t> message, const Client& client, Time now);

  // What the plan opens before anybody asks. The resolution may come within the call.
  void resolve(const dns::Question& question, const policy::Decision& decision, Found found);

 private:
  struct Less {
    bool operator()(const dns::Question& a, const dns::Question& b) const;
  };
  struct Pending {
    policy::Decision decision;
    std::vector<Found> waiting;
  };

  bool answer_from_cache(const dns::Query& query, const Client& client, Time now);
  void answer_anew(const dns::Query& query, const Client& client, Time now);
  void deny(const dns::Query& query, const Client& client, Time now);
  void deny_at_bound(const dns::Query& query, const Client& client, std::string_view bound, Time now);
  // To the agent, which may be a denial.
  void answer(const dns::WireName& name, dns::RecordType type, const dns::Envelope& envelope,
              const Client& client, const Resolution& resolution, Time now);
  void write(const dns::Envelope& envelope, const Client& client, const Resolution& resolution);
  void write_empty(const dns::Envelope& envelope, const Client& client, dns::Rcode rcode,
                   const std::optional<dns::Explanation>& why = std::nullopt);
  void send(const Client& client, size_t size);

  upstream::Origin origin_of(const dns::Question& question, uint16_t id, const Client& client);
  bool leads_somewhere(dns::RecordType type) const;
  bool within_wildcard_rate(const policy::Decision& decision, Time now);
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

  Dependencies around_;
  Terms terms_;
  SendFn send_answer_;
  dns::HashKey key_;
  dns::Cache cache_;
  std::map<dns::Question, Pending, Less> pending_;
  std::unordered_set<uint64_t> audited_;  // hashes of names the audit has told to be allowed
  std::vector<inet::IpAddress> kept_;     // the reply's permitted addresses; all of them where none is
  dns::RrSet records_;                    // and its records
  std::array<uint8_t, dns::limits::answer_octets> room_{};
};

}  // namespace ostiary::gate
