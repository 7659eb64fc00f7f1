// boot/rules_guard.h: keeps the rules of a boot in the kernel, from the first transaction to the
// last repair.
// - The first transaction denies everything. No listener is open and no process runs before it.
// - If another process changes the rules, they are put back.
// - The rules follow the routes of this network.
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/keeper/recent.h"
#include "ostiary/net/routes.h"
#include "ostiary/nft/ruleset.h"
#include "ostiary/nft/table.h"
#include "ostiary/nft/watch.h"

namespace ostiary::boot {

// Within keeper::RecentEvents::window.
inline constexpr size_t max_repairs = 16;

// Loads with zones or, if the kernel does not support a part of that, without. Any other failure is
// returned.
Result<nft::Zones> load_with_zones_if_supported(const std::function<Result<>(nft::Zones)>& load);

class RulesGuard {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Loads the rules, whose routes were read after `routes` was opened. If the kernel has no
  // conntrack zones, a warning is logged in container scope, and it is an error in user scope.
  static Result<RulesGuard> deny_everything(nft::Ruleset ruleset, net::RouteWatch routes,
                                            nft::Lifetime lifetime);

  // The rules are for both families until the kernel's connection tracking is known.
  Result<> set_tracking(nft::Tracking tracking);
  Result<> open_direct_dns(std::vector<inet::IpAddress> addresses);
  // The netlink port of the latest gate, whose changes are expected.
  void expect_from(uint32_t gate) { watch_.expect_from(gate); }

  const nft::Ruleset& ruleset() const { return ruleset_; }
  std::optional<nft::QueueForm> queue_form() const { return table_.queue_form(); }

  // One of them is readable when look() has work.
  std::array<int, 2> descriptors() const { return {watch_.fd(), routes_.fd()}; }

  // A change that another process made to the rules, and whether they were put back.
  struct Repair {
    nft::Change change;
    Result<> outcome;
  };
  // Follows the routes, and puts the rules back. `restore` is called when the rules are back, so
  // that the gate admits again. One repair answers all changes since the last look, so they have
  // one outcome.
  Result<std::vector<Repair>> look(Time now, const std::function<void()>& restore);

  // Whether a session of `ostiary exec` ever joined. To be asked once no further session can join.
  Result<bool> were_joined();

 private:
  RulesGuard(nft::Ruleset ruleset, nft::Table table, nft::Watch watch, net::RouteWatch routes);
  Result<> load();
  Result<> load_first();
  Result<> follow_routes();
  Result<std::vector<nft::Change>> read_changes();
  Result<> put_back(const std::function<void()>& restore);
  Result<> end_unmarked_connections(uint32_t user);

  nft::Ruleset ruleset_;
  nft::Table table_;
  nft::Watch watch_;
  net::RouteWatch routes_;
  keeper::RecentEvents repairs_{max_repairs};
};

}  // namespace ostiary::boot
