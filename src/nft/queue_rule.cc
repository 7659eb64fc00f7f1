#include "queue_rule.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_NFQUEUE.h>

#include "nameless.h"
#include "ostiary/netlink/batch.h"
#include "ostiary/nft/ruleset.h"

namespace ostiary::nft {
namespace {

constexpr size_t message_size = 256;

void put_queue(nlmsghdr* message, uint16_t queue) {
  mnl_attr_put_strz(message, NFTA_EXPR_NAME, "queue");
  nlattr* data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
  mnl_attr_put_u16(message, NFTA_QUEUE_NUM, htons(queue));
  mnl_attr_put_u16(message, NFTA_QUEUE_TOTAL, htons(1));
  mnl_attr_put_u16(message, NFTA_QUEUE_FLAGS, 0);
  mnl_attr_nest_end(message, data);
}

void put_target(nlmsghdr* message, uint16_t queue) {
  constexpr uint32_t revision = 3;
  alignas(8) xt_NFQ_info_v3 info{};  // the kernel wants its size aligned to eight octets
  std::array<uint8_t, 8> octets{};
  static_assert(sizeof info <= octets.size());
  info.queuenum = queue;
  info.queues_total = 1;
  std::memcpy(octets.data(), &info, sizeof info);
  mnl_attr_put_strz(message, NFTA_EXPR_NAME, "target");
  nlattr* data = mnl_attr_nest_start(message, NFTA_EXPR_DATA);
  mnl_attr_put_strz(message, NFTA_TARGET_NAME, "NFQUEUE");
  mnl_attr_put_u32(message, NFTA_TARGET_REV, htonl(revision));
  mnl_attr_put(message, NFTA_TARGET_INFO, octets.size(), octets.data());
  mnl_attr_nest_end(message, data);
}

// Without NLM_F_APPEND the rule becomes the chain's first.
Result<int> insert(netlink::Socket& socket, QueueForm form, uint16_t queue) {
  netlink::Batch batch(1, message_size);
  batch.begin(NFNL_SUBSYS_NFTABLES);
  nlmsghdr* message = batch.add(NFT_MSG_NEWRULE, NLM_F_CREATE, NFPROTO_INET);
  mnl_attr_put_strz(message, NFTA_RULE_TABLE, table_name);
  mnl_attr_put_strz(message, NFTA_RULE_CHAIN, ask_chain);
  nlattr* expressions = mnl_attr_nest_start(message, NFTA_RULE_EXPRESSIONS);
  nlattr* element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
  if (form == QueueForm::expression)
    put_queue(message, queue);
  else
    put_target(message, queue);
  mnl_attr_nest_end(message, element);
  mnl_attr_nest_end(message, expressions);
  batch.end_message();
  const auto refusals = TRY(batch.commit(socket));
  return refusals.empty() ? 0 : refusals.front().error;
}

}  // namespace

Result<QueueForm> add_queue_rule(netlink::Socket& socket, uint16_t queue) {
  int error = 0;
  for (const QueueForm form : {QueueForm::expression, QueueForm::target}) {
    error = TRY(insert(socket, form, queue));
    if (error == 0) return form;
  }
  return fail(
      Exit::unavailable,
      std::string(
          "this kernel cannot hold packets for the gate, which reads the names in TLS and HTTP (NFQUEUE: ") +
          std::strerror(error) +
          "): load nft_queue, or nft_compat and xt_NFQUEUE, and nfnetlink_queue on the host. Or run with "
          "--check-names off: then the agent reaches every site behind an address that an allowed name has");
}

}  // namespace ostiary::nft
