#include "rules.h"

#include <cerrno>
#include <cstring>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "ostiary/netlink/batch.h"
#include "ostiary/netlink/socket.h"

namespace ostiary::selftest {
namespace {

constexpr const char* no_table = "ostiary-self-test";
constexpr size_t message_size = 128;

Finding judge(const Error& error) {
  if (error.exit == Exit::not_permitted) return held(std::strerror(EPERM));
  return escaped("it could not be tried: " + error.message);
}

}  // namespace

Finding try_to_change_rules() {
  auto socket = netlink::Socket::open(netlink::Bus::netfilter);
  if (!socket) return judge(socket.error());
  netlink::Batch batch(1, message_size);
  batch.begin(NFNL_SUBSYS_NFTABLES);
  nlmsghdr* message = batch.add(NFT_MSG_DELTABLE, 0, NFPROTO_INET);
  mnl_attr_put_strz(message, NFTA_TABLE_NAME, no_table);
  batch.end_message();
  const auto verdict = batch.commit(*socket);
  if (!verdict) return judge(verdict.error());
  return escaped("the kernel looked for the table to delete");
}

}  // namespace ostiary::selftest
