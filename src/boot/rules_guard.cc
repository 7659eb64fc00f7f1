#include "rules_guard.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "ostiary/base/log.h"
#include "ostiary/net/closed_sockets.h"
#include "ostiary/nft/earlier.h"
#include "ostiary/nft/flows.h"

namespace ostiary::boot {

RulesGuard::RulesGuard(nft::Ruleset ruleset, nft::Table table, nft::Watch watch, net::RouteWatch routes)
    : ruleset_(std::move(ruleset)),
      table_(std::move(table)),
      watch_(std::move(watch)),
      routes_(std::move(routes)) {}

Result<RulesGuard> RulesGuard::deny_everything(nft::Ruleset ruleset, net::RouteWatch routes,
                                               nft::Lifetime lifetime) {
  auto table = TRY(nft::Table::open());
  table.set_lifetime(lifetime);
  auto watch = TRY(nft::Watch::open(table));
  RulesGuard guard(std::move(ruleset), std::move(table), std::move(watch), std::move(routes));
  TRY(guard.load_first());
  return guard;
}

Result<> RulesGuard::load() {
  return table_.apply(ruleset_, nft::Existing::replace);
}

Result<nft::Zones> load_with_zones_if_supported(const std::function<Result<>(nft::Zones)>& load) {
  const Result<> with = load(nft::Zones::supported);
  if (!with && !nft::is_unsupported(with.error())) return std::unexpected(with.error());
  if (with) return nft::Zones::supported;
  TRY(load(nft::Zones::unsupported));
  return nft::Zones::unsupported;
}

// Flows that began under the rules of an earlier boot, or without rules, are not trusted.
Result<> RulesGuard::load_first() {
  if (!ruleset_.holds_everybody()) {
    Result<> loaded = load();
    if (!loaded && nft::is_unsupported(loaded.error()))
      loaded.error().message += ". --scope user also needs a kernel with CONFIG_NF_CONNTRACK_ZONES";
    TRY(std::move(loaded));
    return nft::settle_flows(ruleset_, nft::FlowsBegan::before_this_boot);
  }
  const nft::Zones zones = TRY(load_with_zones_if_supported([this](nft::Zones tried) {
    ruleset_.zones = tried;
    return load();
  }));
  if (zones == nft::Zones::unsupported)
    log::warn(
        "phase 1: the kernel was built without CONFIG_NF_CONNTRACK_ZONES: if the agent floods the upstream's "
        "address with questions, names may not resolve for half a minute");
  return nft::settle_flows(ruleset_, nft::FlowsBegan::before_this_boot);
}

Result<> RulesGuard::set_tracking(nft::Tracking tracking) {
  ruleset_.tracking = tracking;
  return tracking == nft::Tracking::both_families ? Result<>{} : load();
}

Result<> RulesGuard::open_direct_dns(std::vector<inet::IpAddress> addresses) {
  ruleset_.direct_dns = std::move(addresses);
  return table_.open_direct_dns(ruleset_);
}

Result<> RulesGuard::follow_routes() {
  if (TRY(routes_.read()) == net::Routes::as_they_were) return {};
  auto routes = TRY(net::read_routed_networks());
  if (routes == ruleset_.routes) return {};
  ruleset_.routes = std::move(routes);
  if (table_.renew_routes(ruleset_)) return {};
  // Another process may have deleted the set. The watch reports that next.
  return table_.apply(ruleset_, nft::Existing::keep_admissions);
}

Result<std::vector<RulesGuard::Repair>> RulesGuard::look(Time now, const std::function<void()>& restore) {
  TRY(follow_routes());
  const std::vector<nft::Change> changes = TRY(read_changes());
  if (changes.empty()) return std::vector<Repair>{};
  Result<> outcome = put_back(restore);
  // Lost notifications may have been about other tables, so they do not count.
  if (std::ranges::any_of(changes, [](const auto& each) { return each.kind != nft::Change::Kind::missed; }))
    repairs_.note(now);
  if (outcome && repairs_.too_many())
    outcome = fail(Exit::unavailable, "another process keeps changing the rules");
  std::vector<Repair> repairs;
  for (const nft::Change& change : changes) repairs.push_back({.change = change, .outcome = outcome});
  return repairs;
}

// Without those that only note a session. The rules may be put back between a session's note and
// the report of it, and then without the note.
Result<std::vector<nft::Change>> RulesGuard::read_changes() {
  std::vector<nft::Change> changes = TRY(watch_.read());
  const auto is_note = [](const nft::Change& each) { return each.kind == nft::Change::Kind::joined; };
  const bool has_joined = std::erase_if(changes, is_note) > 0;
  // Without a table, the deletion of the table is among the changes, now or at the next look.
  if (has_joined) (void)table_.keep_joined();
  return changes;
}

Result<bool> RulesGuard::were_joined() {
  (void)TRY(read_changes());
  return table_.is_joined() || TRY(nft::was_joined());
}

// The admissions come back before the flows are checked, because there can be many flows.
Result<> RulesGuard::put_back(const std::function<void()>& restore) {
  TRY(load());
  restore();
  return ruleset_.only_user ? end_unmarked_connections(*ruleset_.only_user)
                            : nft::settle_flows(ruleset_, nft::FlowsBegan::in_this_boot);
}

// The agent may have opened connections while the rules were missing. After it closes such a
// socket, the kernel no longer knows its owner. If the peer sends the first packet after the
// repair, the connection looks incoming although the agent opened it, so incoming ones end too.
Result<> RulesGuard::end_unmarked_connections(uint32_t user) {
  auto agents = TRY(nft::AgentFlows::open(ruleset_));
  return net::end_connections_of(user, [&agents](const inet::Connection& each) -> Result<net::Keep> {
    return TRY(agents.contain(each)) ? net::Keep::yes : net::Keep::no;
  });
}

}  // namespace ostiary::boot
