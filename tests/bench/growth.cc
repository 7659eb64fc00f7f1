// The cost of a decision, a cached answer and an admission, depending on how many rules, answers or
// admissions exist. All sizes exist at the same time and are measured in turn. Prints the
// nanoseconds as JSON. Makes network namespaces.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sched.h>

#include "gate/limits.h"
#include "measuring.h"
#include "ostiary/dns/cache.h"
#include "ostiary/nft/admissions.h"
#include "ostiary/nft/table.h"
#include "ostiary/policy/policy.h"

namespace ostiary::bench {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::ordered_json;

constexpr std::array<size_t, 5> rule_counts{10, 100, 1000, 10'000, 100'000};
constexpr std::array<size_t, 5> admission_counts{10, 100, 1000, 10'000, 65'000};
// The number of names asked, independent of the size.
constexpr size_t asked = rule_counts.front();
constexpr size_t times = 2000;
constexpr size_t admissions_a_turn = 20;
static_assert(admission_counts.back() <= gate::limits::cache_entries);
static_assert(admission_counts.back() + admissions_a_turn <= nft::limits::admissions);

inet::HostName host(size_t number) {
  return needed(inet::HostName::parse("host-" + std::to_string(number * 7919) + ".region.example.com"));
}

class Decisions {
 public:
  static constexpr const char* name = "decide";

  explicit Decisions(size_t rules) : policy_(compiled(rules)) {
    for (size_t i = 0; i < asked; ++i) hosts_.push_back(host(i));
  }

  double nanoseconds() const {
    size_t allowed = 0;
    const double taken = nanoseconds_each(times, [&] {
      for (size_t i = 0; i < times; ++i)
        allowed += policy_.decide(hosts_[i % asked]).verdict == policy::Verdict::allow ? 1 : 0;
    });
    if (allowed != times) give_up("a name is not allowed");
    return taken;
  }

 private:
  static policy::Policy compiled(size_t rules) {
    std::vector<policy::Rule> list;
    for (size_t i = 0; i < rules; ++i) list.push_back({.subject = host(i), .reason = {}});
    return policy::Policy::compile(list);
  }

  policy::Policy policy_;
  std::vector<inet::HostName> hosts_;
};

class CacheHits {
 public:
  static constexpr const char* name = "cache";

  explicit CacheHits(size_t names) : cache_(gate::limits::cache_entries, HashKey{1, 2}) {
    const std::array addresses{inet::IpAddress::v4({198, 51, 100, 1})};
    for (size_t i = 0; i < names; ++i)
      cache_.put_addresses(dns::WireName::from(host(i)), dns::RecordType::a, addresses, 1h, now_, now_ + 1h);
    for (size_t i = 0; i < asked; ++i) names_.push_back(dns::WireName::from(host(i)));
  }

  double nanoseconds() {
    size_t hits = 0;
    const double taken = nanoseconds_each(times, [&] {
      for (size_t i = 0; i < times; ++i)
        hits += cache_.find(names_[i % asked], dns::RecordType::a, now_) ? 1 : 0;
    });
    if (hits != times) give_up("a name is not in the cache");
    return taken;
  }

 private:
  dns::Cache::Time now_ = std::chrono::steady_clock::now();
  dns::Cache cache_;
  std::vector<dns::WireName> names_;
};

// In a network namespace, to which its socket belongs.
class Admissions {
 public:
  static constexpr const char* name = "admit";

  explicit Admissions(size_t admissions) : set_(in_a_new_network()) {
    std::vector<nft::Admission> held;
    for (size_t i = 0; i < admissions; ++i) held.push_back(admission(10, i));
    needed(set_.admit(held));
    for (size_t i = 0; i < admissions_a_turn; ++i) more_.push_back(admission(11, i));
  }

  double nanoseconds() {
    const double taken = nanoseconds_each(admissions_a_turn, [&] {
      for (const nft::Admission& each : more_) needed(set_.admit({&each, 1}));
    });
    needed(set_.revoke(more_));
    return taken;
  }

 private:
  static nft::KernelAdmissions in_a_new_network() {
    if (::unshare(CLONE_NEWNET) != 0) give_up("no network namespace can be made");
    needed(needed(nft::Table::open())
               .apply({.gate_mark = 1, .gate_port = 15353, .log_group = 5353}, nft::Existing::replace));
    return needed(nft::KernelAdmissions::open());
  }

  static nft::Admission admission(uint8_t network, size_t number) {
    const auto address =
        inet::IpAddress::v4({network, static_cast<uint8_t>(number >> 16U), static_cast<uint8_t>(number >> 8U),
                             static_cast<uint8_t>(number)});
    return {address, IPPROTO_TCP, 443, 1h, nft::Prior::absent};
  }

  nft::KernelAdmissions set_;
  std::vector<nft::Admission> more_;
};

template <typename Holder>
void measure(Json& result, std::span<const size_t> sizes, size_t turns) {
  std::vector<std::unique_ptr<Holder>> holders;
  for (const size_t size : sizes) holders.push_back(std::make_unique<Holder>(size));
  for (size_t turn = 0; turn < turns; ++turn)
    for (size_t i = 0; i < sizes.size(); ++i)
      result[Holder::name][std::to_string(sizes[i])].push_back(holders[i]->nanoseconds());
}

}  // namespace
}  // namespace ostiary::bench

int main(int argc, char** argv) {
  using namespace ostiary::bench;
  const size_t turns = count_of(argc, argv);
  Json result;
  measure<Decisions>(result, rule_counts, turns);
  measure<CacheHits>(result, admission_counts, turns);
  measure<Admissions>(result, admission_counts, turns);
  std::puts(result.dump().c_str());
}
