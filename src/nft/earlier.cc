#include "ostiary/nft/earlier.h"

#include <cstring>
#include <string>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "kernel_state.h"
#include "ostiary/netlink/batch.h"
#include "ostiary/nft/ruleset.h"

namespace ostiary::nft {

Result<Earlier> find_earlier(std::optional<uint32_t> only_user) {
  if (TRY(find_table()) == Presence::absent) return Earlier::none;
  if (TRY(find_chain(ended_name)) == Presence::present) return Earlier::ended;
  if (!only_user) return Earlier::held;
  const auto same_user = TRY(find_chain(user_prefix + std::to_string(*only_user)));
  return same_user == Presence::present ? Earlier::held : Earlier::held_otherwise;
}

Result<> mark_ended() {
  netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::netfilter));
  netlink::Batch batch(1, 128);
  batch.begin(NFNL_SUBSYS_NFTABLES);
  nlmsghdr* chain = batch.add(NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFPROTO_INET);
  mnl_attr_put_strz(chain, NFTA_CHAIN_TABLE, table_name);
  mnl_attr_put_strz(chain, NFTA_CHAIN_NAME, ended_name);
  batch.end_message();
  for (const netlink::Refusal& each : TRY(batch.commit(socket)))
    if (each.error != ENOENT)
      return fail(Exit::unavailable,
                  "nftables: the table cannot be marked: " + std::string(std::strerror(each.error)));
  return {};
}

}  // namespace ostiary::nft
