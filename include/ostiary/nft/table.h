// nft/table.h: our table in the kernel, put there, looked at and taken away through libnftables.
// Each change is one transaction: no packet ever meets half of it. Other tables are neither read nor written.
// libnftables reads names of marks, groups and labels from files below /etc when it begins, and from then on
// no file: a Table that is there before the agent has nothing of the agent's to read or to wait for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "ostiary/base/result.h"
#include "ostiary/nft/ruleset.h"

struct nft_ctx;

namespace ostiary::nft {

// What becomes of a table that is there already.
enum class Existing : uint8_t {
  replace,          // it goes with all it holds
  keep_admissions,  // its admissions stay, with their remaining time; everything else is made anew
};

// Whether a process that the rules hold can go on without the keeper. From PID 1 on, its namespace's
// processes end with it.
enum class Lifetime : uint8_t { may_outlive_the_keeper, ends_with_the_keeper };

// In the network namespace where it was opened.
class Table {
 public:
  static Result<Table> open();

  // Of all that the rules of apply() hold, for boots to come: nft/earlier.h.
  void set_lifetime(Lifetime lifetime) { lifetime_ = lifetime; }

  // The note of a session that joined (nft/earlier.h) stays in any case.
  Result<> apply(const Ruleset& ruleset, Existing existing);

  // A session joined: a table that is made anew says so again.
  void remember_joined() { sessions_ = Sessions::joined; }

  // Adds to a table of rules without `direct_dns` what makes it one of these. The kernel waits for its
  // readers when rules go, and not when they are added.
  Result<> open_direct_dns(const Ruleset& ruleset);

  // Replaces what the sets of `routes` hold.
  Result<> renew_routes(const Ruleset& ruleset);

  // The table's text without counters, handles and admissions. Equal texts are equal rules: taken right after
  // apply(), it is what later ones must equal. Empty: there is no table.
  Result<std::string> fingerprint();

  // The number of its netlink socket, which the kernel tells with each change (nft/watch.h).
  uint32_t port() const { return port_; }

 private:
  struct Free {
    void operator()(nft_ctx* context) const noexcept;
  };
  using Context = std::unique_ptr<nft_ctx, Free>;
  enum class Sessions : uint8_t { none, joined };

  Table(Context context, uint32_t port) : context_(std::move(context)), port_(port) {}
  nlohmann::json notes(const Ruleset& ruleset) const;
  Result<> commit_rules(nlohmann::json first, const Ruleset& ruleset);

  Context context_;
  uint32_t port_;
  Lifetime lifetime_ = Lifetime::may_outlive_the_keeper;
  Sessions sessions_ = Sessions::none;
};

// No table is fine.
Result<> remove();

}  // namespace ostiary::nft
