#include "ostiary/nft/untracked_flows.h"

#include <algorithm>
#include <array>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "ostiary/netlink/request.h"

namespace ostiary::nft {
namespace {

constexpr size_t message_size = 256;
constexpr std::array later_sets{nameless6_name, requests6_name, opened6_name};
constexpr size_t most_messages = 1 + 2 * later_sets.size();

// Two addresses and two ports. Each part of a set's key fills whole words.
using Key = std::array<uint8_t, 40>;

Key key_of(const inet::Connection& connection) {
  Key key{};
  const auto put = [&key](size_t at, const inet::IpAddress& address, uint16_t port) {
    const auto octets = address.octets();
    std::ranges::copy(octets, key.begin() + static_cast<ptrdiff_t>(at));
    key[at + 16] = static_cast<uint8_t>(port >> 8U);
    key[at + 17] = static_cast<uint8_t>(port & 0xffU);
  };
  put(0, connection.local, connection.local_port);
  put(20, connection.remote, connection.remote_port);
  return key;
}

void put_element(nlmsghdr* message, const char* set, const inet::Connection& connection) {
  mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, table_name);
  mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, set);
  nlattr* list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
  nlattr* element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
  nlattr* value = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);
  const Key key = key_of(connection);
  mnl_attr_put(message, NFTA_DATA_VALUE, key.size(), key.data());
  mnl_attr_nest_end(message, value);
  mnl_attr_nest_end(message, element);
  mnl_attr_nest_end(message, list);
}

}  // namespace

UntrackedFlows::UntrackedFlows(netlink::Socket& socket)
    : socket_(&socket), batch_(most_messages, message_size) {}

void UntrackedFlows::put(uint16_t type, uint16_t flags, const char* set, const inet::Connection& connection) {
  put_element(batch_.add(type, flags, NFPROTO_INET), set, connection);
  batch_.end_message();
}

bool UntrackedFlows::commit() {
  const auto refusals = batch_.commit(*socket_);
  return refusals && refusals->empty();
}

bool UntrackedFlows::remove(const char* from, const inet::Connection& connection) {
  batch_.begin(NFNL_SUBSYS_NFTABLES);
  put(NFT_MSG_DELSETELEM, 0, from, connection);
  return commit();
}

bool UntrackedFlows::move(const char* to, const inet::Connection& connection) {
  batch_.begin(NFNL_SUBSYS_NFTABLES);
  put(NFT_MSG_DELSETELEM, 0, nameless6_name, connection);
  put(NFT_MSG_NEWSETELEM, NLM_F_CREATE, to, connection);
  return commit();
}

// The kernel refuses to remove what is not there. So each is added first.
bool UntrackedFlows::begin(const inet::Connection& connection) {
  batch_.begin(NFNL_SUBSYS_NFTABLES);
  put(NFT_MSG_NEWSETELEM, NLM_F_CREATE, begun6_name, connection);
  for (const char* other : later_sets) {
    put(NFT_MSG_NEWSETELEM, NLM_F_CREATE, other, connection);
    put(NFT_MSG_DELSETELEM, 0, other, connection);
  }
  return commit();
}

bool UntrackedFlows::follow(const inet::Connection& connection) {
  return move(requests6_name, connection);
}

bool UntrackedFlows::permit(const inet::Connection& connection) {
  return move(opened6_name, connection);
}

bool UntrackedFlows::refuse(const inet::Connection& connection) {
  return remove(nameless6_name, connection) || remove(requests6_name, connection);
}

bool UntrackedFlows::has(const char* set, const inet::Connection& connection) {
  alignas(nlmsghdr) std::array<uint8_t, message_size> room{};
  nlmsghdr* request = netlink::begin_request(
      room.data(),
      {.type = NFNL_SUBSYS_NFTABLES << 8U | NFT_MSG_GETSETELEM, .flags = NLM_F_ACK, .family = NFPROTO_INET});
  put_element(request, set, connection);
  return netlink::ask(*socket_, request).value_or(ENOENT) == 0;
}

}  // namespace ostiary::nft
