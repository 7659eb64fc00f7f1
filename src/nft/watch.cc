#include "ostiary/nft/watch.h"

#include <array>
#include <cstddef>
#include <utility>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "ostiary/nft/earlier.h"

namespace ostiary::nft {
namespace {

constexpr int waiting_bytes = 1 << 20;
constexpr size_t datagram_size = 65536;
constexpr size_t most_changes = 64;  // per read(), or few more

// The attribute has the same number in all kinds of messages.
constexpr uint16_t table_attribute = NFTA_TABLE_NAME;
static_assert(table_attribute == NFTA_CHAIN_TABLE && table_attribute == NFTA_RULE_TABLE &&
              table_attribute == NFTA_SET_TABLE && table_attribute == NFTA_SET_ELEM_LIST_TABLE &&
              table_attribute == NFTA_OBJ_TABLE && table_attribute == NFTA_FLOWTABLE_TABLE);

// A chain with a hook is more than a note, and so is a chain that was renamed.
bool is_note_of_a_session(const netlink::Message& message, const netlink::NetfilterHeader& content) {
  const auto name = netlink::find_attribute(content.attributes, NFTA_CHAIN_NAME);
  return (message.type & 0xffU) == NFT_MSG_NEWCHAIN && (message.flags & NLM_F_CREATE) != 0 && name &&
         name->text() == joined_name && !netlink::find_attribute(content.attributes, NFTA_CHAIN_HOOK);
}

bool is_about_our_table(const netlink::NetfilterHeader& content) {
  const auto table = netlink::find_attribute(content.attributes, table_attribute);
  return content.family == NFPROTO_INET && table && table->text() == table_name;
}

}  // namespace

void TransactionReader::forget() {
  pending_.reset();
}

std::optional<Change> TransactionReader::finish(const netlink::Message& message) {
  const auto pending = std::exchange(pending_, std::nullopt);
  const auto content = netlink::netfilter_header(message);
  if (!pending || !content) return std::nullopt;
  Change change{*pending, 0, {}};
  if (const auto process = netlink::find_attribute(content->attributes, NFTA_GEN_PROC_PID))
    change.process = process->be32().value_or(0);
  if (const auto program = netlink::find_attribute(content->attributes, NFTA_GEN_PROC_NAME))
    change.program = program->text();
  return change;
}

std::optional<Change> TransactionReader::take(const netlink::Message& message) {
  if (message.type >> 8U != NFNL_SUBSYS_NFTABLES) return std::nullopt;
  const auto kind = static_cast<uint8_t>(message.type & 0xffU);
  if (kind == NFT_MSG_NEWGEN) return finish(message);
  if (message.port == table_ || message.port == gate_) return std::nullopt;
  const auto content = netlink::netfilter_header(message);
  if (!content || !is_about_our_table(*content)) return std::nullopt;
  if (kind == NFT_MSG_DELTABLE)
    pending_ = Change::Kind::table_gone;
  else if (is_note_of_a_session(message, *content))
    pending_ = pending_.value_or(Change::Kind::joined);
  else if (pending_ != Change::Kind::table_gone)
    pending_ = Change::Kind::changed;
  return std::nullopt;
}

Watch::Watch(netlink::Socket socket, uint32_t table)
    : socket_(std::move(socket)), reader_(table), buffer_(datagram_size) {}

// The kernel discards the gate's notifications before they reach the socket. Otherwise each
// admission would wake the keeper.
void Watch::expect_from(uint32_t gate) {
  reader_.expect_from(gate);
  std::array<sock_filter, 4> code{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(nlmsghdr, nlmsg_pid)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(gate), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  }};
  const sock_fprog program{.len = code.size(), .filter = code.data()};
  // If this fails, the reader discards them.
  (void)::setsockopt(socket_.fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

Result<Watch> Watch::open(const Table& table) {
  netlink::Socket socket = TRY(netlink::Socket::open(netlink::Bus::netfilter));
  socket.set_receive_buffer(waiting_bytes);
  TRY(socket.subscribe(NFNLGRP_NFTABLES));
  return Watch(std::move(socket), table.port());
}

Result<std::vector<Change>> Watch::read() {
  std::vector<Change> changes;
  while (changes.size() < most_changes) {
    const auto received = TRY(socket_.receive(buffer_));
    if (received.kind == netlink::Received::Kind::nothing) break;
    if (received.kind == netlink::Received::Kind::overrun) {
      reader_.forget();
      changes.push_back({Change::Kind::missed, 0, {}});
    }
    std::span<const uint8_t> rest = received.data;
    while (const auto message = netlink::next_message(rest))
      if (auto change = reader_.take(*message)) changes.push_back(std::move(*change));
  }
  return changes;
}

}  // namespace ostiary::nft
