#include "ostiary/nft/earlier.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "kernel_state.h"
#include "ostiary/netlink/batch.h"
#include "ostiary/nft/ruleset.h"

namespace ostiary::nft {
namespace {

// Adds a chain without rules. Returns the errno of the kernel's refusal, or 0.
Result<int> add_note(const char* name) {
  netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::netfilter));
  netlink::Batch batch(1, 128);
  batch.begin(NFNL_SUBSYS_NFTABLES);
  nlmsghdr* chain = batch.add(NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFPROTO_INET);
  mnl_attr_put_strz(chain, NFTA_CHAIN_TABLE, table_name);
  mnl_attr_put_strz(chain, NFTA_CHAIN_NAME, name);
  batch.end_message();
  for (const netlink::Refusal& each : TRY(batch.commit(socket))) return each.error;
  return 0;
}

std::unexpected<Error> not_noted(int error) {
  return fail(error == EPERM ? Exit::not_permitted : Exit::unavailable,
              "nftables: cannot add a chain to the table inet ostiary: " + std::string(std::strerror(error)));
}

}  // namespace

Result<Earlier> find_earlier(std::optional<uint32_t> only_user) {
  if (TRY(find_table()) == Presence::absent) return Earlier::none;
  if (TRY(find_chain(ended_name)) == Presence::present && !TRY(was_joined())) return Earlier::ended;
  if (!only_user) return Earlier::held;
  const auto same_user = TRY(find_chain(user_prefix + std::to_string(*only_user)));
  return same_user == Presence::present ? Earlier::held : Earlier::held_otherwise;
}

Result<> mark_ended() {
  const int error = TRY(add_note(ended_name));
  if (error != 0 && error != ENOENT) return not_noted(error);
  return {};
}

Result<> mark_joined() {
  const int error = TRY(add_note(joined_name));
  if (error == ENOENT) return fail(Exit::unavailable, "the rules that would hold the session are gone");
  if (error != 0) return not_noted(error);
  return {};
}

Result<bool> was_joined() {
  return TRY(find_chain(joined_name)) == Presence::present;
}

}  // namespace ostiary::nft
