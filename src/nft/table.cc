#include "ostiary/nft/table.h"

#include <cstring>
#include <memory>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>
#include <nlohmann/json.hpp>

#include "kernel_state.h"
#include "ostiary/base/c_handle.h"
#include "ostiary/netlink/batch.h"

namespace ostiary::nft {
namespace {

using Json = nlohmann::json;
using Context = std::unique_ptr<nft_ctx, CDelete<nft_ctx_free>>;

Json our_table() {
  return {{"table", {{"family", "inet"}, {"name", table_name}}}};
}

Result<Context> make_context(unsigned output_flags) {
  Context context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (context == nullptr) return fail(Exit::unavailable, "libnftables: out of memory");
  nft_ctx_output_set_flags(context.get(), output_flags);
  if (nft_ctx_buffer_output(context.get()) != 0 || nft_ctx_buffer_error(context.get()) != 0)
    return fail(Exit::unavailable, "libnftables: out of memory");
  return context;
}

// libnftables' complaint in one line: the reason behind its last colon-separated "Error".
std::string first_reason(std::string_view text) {
  if (const size_t error = text.find("Error: "); error != std::string_view::npos)
    text.remove_prefix(error + 7);
  text = text.substr(0, text.find('\n'));
  return text.empty() ? "no reason given" : std::string(text);
}

Error explain(nft_ctx* context) {
  const char* buffer = nft_ctx_get_error_buffer(context);
  std::string reason = first_reason(buffer == nullptr ? "" : buffer);
  if (reason.contains("Operation not permitted"))
    return {Exit::not_permitted, "nftables: " + reason + "; run the container with --cap-add=NET_ADMIN"};
  if (reason.contains("No such file") || reason.contains("not supported"))
    reason +=
        "; the kernel lacks a part of nf_tables: load nf_tables, nft_ct, nft_fib_inet, nft_log, nft_redir "
        "and "
        "nft_reject_inet on the host";
  if (reason.contains("Message too long"))
    reason +=
        "; the kernel takes no transaction of that size here: allow fewer address ranges, or raise the "
        "host's "
        "net.core.wmem_max";
  return {Exit::unavailable, "nftables: " + reason};
}

Result<std::string> run(nft_ctx* context, const std::string& command) {
  if (nft_run_cmd_from_buffer(context, command.c_str()) != 0) return std::unexpected(explain(context));
  const char* output = nft_ctx_get_output_buffer(context);
  return std::string(output == nullptr ? "" : output);
}

Result<Generations> commit(Json commands) {
  const uint32_t before = TRY(read_generation());
  const Context context = TRY(make_context(NFT_CTX_OUTPUT_JSON));
  TRY(run(context.get(), Json{{"nftables", std::move(commands)}}.dump()));
  return Generations{before, TRY(read_generation())};
}

Json command(const char* verb, const Json& object) {
  return {{verb, object}};
}

bool is_admissions(const Json& set) {
  const std::string& name = set.at("name").get_ref<const std::string&>();
  return name == allow4_name || name == allow6_name;
}

// Takes away everything the table holds but the admissions, whoever put it there.
Result<Json> clear_around_admissions() {
  const Context context = TRY(make_context(NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_TERSE));
  const std::string listing = TRY(run(context.get(), "list table inet " + std::string(table_name)));
  const Json parsed = Json::parse(listing, nullptr, false);
  if (parsed.is_discarded() || !parsed.contains("nftables"))
    return fail(Exit::unavailable, "nftables: the table's listing makes no sense");
  Json chains = Json::array();
  Json sets = Json::array();
  for (const Json& object : parsed["nftables"]) {
    for (const char* kind : {"chain", "set", "map"}) {
      if (!object.contains(kind)) continue;
      const Json& content = object[kind];
      if (std::string_view(kind) == "set" && is_admissions(content)) continue;
      const Json named{{kind, {{"family", "inet"}, {"table", table_name}, {"name", content.at("name")}}}};
      (std::string_view(kind) == "chain" ? chains : sets).push_back(command("delete", named));
    }
  }
  Json out = Json::array({command("flush", our_table())});
  for (Json& each : chains) out.push_back(std::move(each));
  for (Json& each : sets) out.push_back(std::move(each));
  return out;
}

// The kernel does not take a sleeping table apart and wake it in one transaction.
Result<> wake() {
  const Context context = TRY(make_context(NFT_CTX_OUTPUT_TERSE));
  const std::string text = TRY(run(context.get(), "list table inet " + std::string(table_name)));
  if (text.contains("\n\tflags dormant")) TRY(commit(Json::array({command("add", our_table())})));
  return {};
}

Result<Generations> commit_rules(Json first, const Ruleset& ruleset) {
  for (Json& each : commands(ruleset)) first.push_back(std::move(each));
  return commit(std::move(first));
}

}  // namespace

Result<Generations> apply(const Ruleset& ruleset, Existing existing) {
  const Presence presence = TRY(find_table());
  if (existing == Existing::keep_admissions && presence == Presence::present) {
    TRY(wake());
    return commit_rules(TRY(clear_around_admissions()), ruleset);
  }
  if (presence == Presence::absent) {
    // Deleting what is not there would cost the kernel's wait for its readers. Where somebody else was faster
    // to make a table of that name, this fails.
    if (auto created = commit_rules(Json::array({command("create", our_table())}), ruleset)) return created;
  }
  // "add" first, so that "delete" has something to delete.
  return commit_rules(
      Json::array({command("add", our_table()), command("delete", our_table()), command("add", our_table())}),
      ruleset);
}

Result<> remove() {
  netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::netfilter));
  netlink::Batch batch(1, 64);
  batch.begin(NFNL_SUBSYS_NFTABLES);
  mnl_attr_put_strz(batch.add(NFT_MSG_DELTABLE, 0, NFPROTO_INET), NFTA_TABLE_NAME, table_name);
  batch.end_message();
  for (const netlink::Refusal& each : TRY(batch.commit(socket)))
    if (each.error != ENOENT)
      return fail(Exit::unavailable, "nftables: the table stays: " + std::string(std::strerror(each.error)));
  return {};
}

Result<std::string> fingerprint() {
  if (TRY(find_table()) == Presence::absent) return std::string();
  // As text: it shows a table's flags, which the JSON of older libraries does not.
  constexpr unsigned numbers = NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_NUMERIC_ALL;
  const std::string ours = "inet " + std::string(table_name);
  const Context terse = TRY(make_context(numbers | NFT_CTX_OUTPUT_TERSE));
  std::string text = TRY(run(terse.get(), "list table " + ours));
  for (const char* set : {"net4", "net6"}) {
    const Context whole = TRY(make_context(numbers));
    auto elements = run(whole.get(), "list set " + ours + " " + set);
    text += elements ? *elements : "no set " + std::string(set) + "\n";
  }
  return text;
}

}  // namespace ostiary::nft
