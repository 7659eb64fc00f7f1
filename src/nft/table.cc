#include "ostiary/nft/table.h"

#include <algorithm>
#include <cstring>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "kernel_state.h"
#include "libnftables.h"
#include "ostiary/netlink/batch.h"
#include "ostiary/netlink/socket.h"
#include "ostiary/nft/earlier.h"
#include "queue_rule.h"

namespace ostiary::nft {
namespace {

Json our_table() {
  return {{"table", {{"family", "inet"}, {"name", table_name}}}};
}

Result<> commit(nft_ctx* context, Json commands) {
  TRY(run_commands(context, Json{{"nftables", std::move(commands)}}.compact(), NFT_CTX_OUTPUT_JSON));
  return {};
}

Result<std::string> list_table(nft_ctx* context, unsigned output_flags) {
  return run_commands(context, "list table inet " + std::string(table_name), output_flags);
}

Json command(const char* verb, const Json& object) {
  return {{verb, object}};
}

// The name of an object in a listing. Empty if it has none.
std::string name_of(const Json& object) {
  const Json* name = object.find("name");
  return name != nullptr && name->text() != nullptr ? *name->text() : std::string();
}

bool is_admissions(const std::string& set) {
  return set == allow4_name || set == allow6_name || set == named4_name || set == named6_name;
}

// Deletes the content of the table except the admissions, including additions by other processes.
Result<Json> clear_around_admissions(nft_ctx* context) {
  const std::string listing = TRY(list_table(context, NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_TERSE));
  const auto parsed = Json::parse(listing);
  const Json* const objects = parsed ? parsed->find("nftables") : nullptr;
  if (objects == nullptr)
    return fail(Exit::unavailable, "nftables: cannot parse the listing of the table inet ostiary");
  Json chains = Json::array();
  Json sets = Json::array();
  for (const Json& object : objects->elements()) {
    for (const char* kind : {"chain", "set", "map"}) {
      const Json* const content = object.find(kind);
      if (content == nullptr) continue;
      const std::string name = name_of(*content);
      if (std::string_view(kind) == "set" && is_admissions(name)) continue;
      const Json named{{kind, {{"family", "inet"}, {"table", table_name}, {"name", name}}}};
      (std::string_view(kind) == "chain" ? chains : sets).push_back(command("delete", named));
    }
  }
  Json out = Json::array({command("flush", our_table())});
  out.append(std::move(chains));
  out.append(std::move(sets));
  return out;
}

// The kernel cannot delete the content of a dormant table and wake the table in one transaction.
Result<> wake(nft_ctx* context) {
  const std::string text = TRY(list_table(context, NFT_CTX_OUTPUT_TERSE));
  if (text.contains("\n\tflags dormant")) TRY(commit(context, Json::array({command("add", our_table())})));
  return {};
}

Json our_chain(const std::string& name) {
  return {{"chain", {{"family", "inet"}, {"table", table_name}, {"name", name}}}};
}

}  // namespace

// Notes about this boot, for a later one.
Json Table::notes(const Ruleset& ruleset) const {
  Json out = Json::array();
  if (ruleset.only_user)
    out.push_back(command("add", our_chain(user_prefix + std::to_string(*ruleset.only_user))));
  if (lifetime_ == Lifetime::ends_with_the_keeper) out.push_back(command("add", our_chain(ended_name)));
  if (sessions_ == Sessions::joined) out.push_back(command("add", our_chain(joined_name)));
  return out;
}

Result<> Table::commit_rules(Json first, const Ruleset& ruleset) {
  first.append(commands(ruleset));
  first.append(notes(ruleset));
  TRY(commit(context_.get(), std::move(first)));
  return hold_nameless(ruleset);
}

// Until this rule is there, nameless packets are dropped.
Result<> Table::hold_nameless(const Ruleset& ruleset) {
  queue_form_.reset();
  if (ruleset.name_queue) queue_form_ = TRY(add_queue_rule(socket_, *ruleset.name_queue));
  return {};
}

void Table::Free::operator()(nft_ctx* context) const noexcept {
  nft_ctx_free(context);
}

Result<Table> Table::open() {
  const auto before = TRY(netlink::own_sockets());
  Context context(TRY(make_context()).release());
  auto sockets = TRY(netlink::own_sockets());
  std::erase_if(sockets, [&before](int each) { return std::ranges::find(before, each) != before.end(); });
  if (sockets.size() != 1) return fail(Exit::unavailable, "libnftables: cannot find its netlink socket");
  return Table(std::move(context), TRY(netlink::Socket::share(sockets.front())));
}

Result<> Table::apply(const Ruleset& ruleset, Existing existing) {
  nft_ctx* const context = context_.get();
  const Presence presence = TRY(find_table());
  if (presence == Presence::present && TRY(was_joined())) sessions_ = Sessions::joined;
  if (existing == Existing::keep_admissions && presence == Presence::present) {
    TRY(wake(context));
    return commit_rules(TRY(clear_around_admissions(context)), ruleset);
  }
  if (presence == Presence::absent) {
    // A deletion makes the kernel wait for its readers, so avoid it. "create" fails if another
    // process has made the table meanwhile.
    if (commit_rules(Json::array({command("create", our_table())}), ruleset)) return {};
  }
  // "add" first, so that "delete" finds a table.
  return commit_rules(
      Json::array({command("add", our_table()), command("delete", our_table()), command("add", our_table())}),
      ruleset);
}

Result<> Table::keep_joined() {
  sessions_ = Sessions::joined;
  return commit(context_.get(), Json::array({command("add", our_chain(joined_name))}));
}

Result<> Table::open_direct_dns(const Ruleset& ruleset) {
  return commit(context_.get(), direct_dns_commands(ruleset));
}

Result<> Table::renew_routes(const Ruleset& ruleset) {
  Json out = Json::array();
  for (const char* name : {routes_name, uplinks_name})
    out.push_back(command("flush", {{"set", {{"family", "inet"}, {"table", table_name}, {"name", name}}}}));
  out.append(route_commands(ruleset));
  return commit(context_.get(), std::move(out));
}

Result<> remove() {
  netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::netfilter));
  netlink::Batch batch(1, 64);
  batch.begin(NFNL_SUBSYS_NFTABLES);
  mnl_attr_put_strz(batch.add(NFT_MSG_DELTABLE, 0, NFPROTO_INET), NFTA_TABLE_NAME, table_name);
  batch.end_message();
  for (const netlink::Refusal& each : TRY(batch.commit(socket)))
    if (each.error != ENOENT)
      return fail(Exit::unavailable, "nftables: cannot delete the table inet ostiary: " +
                                         std::string(std::strerror(each.error)));
  return {};
}

}  // namespace ostiary::nft
