// Netlink datagrams of any octets, through the sockets and readers of the gate. The test controls
// the kernel's end of each socket. It holds that:
// - messages and attributes are within the input, in order, and each is read once;
// - a batch is committed only if its last message is acknowledged and none is refused;
// - every event of the log of denied packets is in a packet message; events that are not reported
//   are counted;
// - a change of the table is reported only at the end of a transaction.
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/netlink/batch.h"
#include "ostiary/netlink/message.h"
#include "ostiary/netlink/socket.h"
#include "ostiary/nft/denied_log.h"
#include "ostiary/nft/watch.h"

using namespace ostiary;
using fuzz::Bytes;

namespace {

// The other end of a socket whose descriptor has been replaced: it sends what the socket receives.
class Kernel {
 public:
  explicit Kernel(int socket) {
    int pair[2];
    HOLDS(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    HOLDS(::dup2(pair[1], socket) == socket);
    ::close(pair[1]);
    ours_ = UniqueFd(pair[0]);
  }
  void say(Bytes datagram) const {
    if (!datagram.empty()) HOLDS(::send(ours_.get(), datagram.data(), datagram.size(), 0) >= 0);
  }
  // Discards what the socket has sent.
  void forget() const {
    char buffer[4096];
    while (::recv(ours_.get(), buffer, sizeof buffer, MSG_DONTWAIT) > 0) {
    }
  }

 private:
  UniqueFd ours_;
};

template <typename T>
T load(Bytes octets, size_t at) {
  T value{};
  std::memcpy(&value, octets.data() + at, sizeof value);
  return value;
}

struct SlowMessage {
  nlmsghdr header{};
  Bytes payload;
};
std::vector<SlowMessage> messages_of(Bytes datagram) {
  std::vector<SlowMessage> messages;
  for (size_t at = 0; datagram.size() - at >= sizeof(nlmsghdr);) {
    const auto header = load<nlmsghdr>(datagram, at);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size() - at) break;
    messages.push_back({header, datagram.subspan(at + sizeof header, header.nlmsg_len - sizeof header)});
    at += std::min<size_t>((header.nlmsg_len + 3U) / 4 * 4, datagram.size() - at);
  }
  return messages;
}

void check_messages(Bytes datagram) {
  Bytes rest = datagram;
  for (const SlowMessage& expected : messages_of(datagram)) {
    const auto message = netlink::next_message(rest);
    HOLDS(message && message->type == expected.header.nlmsg_type &&
          message->port == expected.header.nlmsg_pid);
    HOLDS(message->payload.data() == expected.payload.data() &&
          message->payload.size() == expected.payload.size());
    Bytes attributes = message->payload;
    while (const auto attribute = netlink::next_attribute(attributes)) {
      HOLDS(attribute->payload.data() >= message->payload.data());
      HOLDS(attribute->payload.data() + attribute->payload.size() <=
            message->payload.data() + message->payload.size());
      HOLDS(attribute->text().size() <= attribute->payload.size());
      HOLDS(attribute->be32().has_value() == (attribute->payload.size() == 4));
    }
  }
  HOLDS(!netlink::next_message(rest));
}

// The datagrams of the input: each has its length in two octets, then its octets.
std::vector<Bytes> datagrams(fuzz::Input& input) {
  std::vector<Bytes> all;
  while (!input.empty() && all.size() < 8) all.push_back(input.take(input.number() % 4000U));
  return all;
}

// Replies to a batch of two messages. The input may know their numbers: the first batch begins at
// 2, to port 0.
void check_batch(const std::vector<Bytes>& replies) {
  static netlink::Socket socket = netlink::Socket::open(netlink::Bus::netfilter).value();
  static const uint32_t port = socket.port();
  static const Kernel kernel(socket.fd());
  netlink::Batch batch(2, 64);
  batch.begin(NFNL_SUBSYS_NFTABLES);
  for (int i = 0; i < 2; ++i) {
    batch.add(NFT_MSG_NEWSETELEM, 0, 1);
    batch.end_message();
  }
  bool acknowledged = false;
  bool refused = false;
  for (const Bytes reply : replies) {
    std::vector<uint8_t> addressed(reply.begin(), reply.end());
    size_t at = 0;
    for (const SlowMessage& each : messages_of(reply)) {
      // The port differs from run to run, so the input cannot contain it.
      if (each.header.nlmsg_pid == 1) std::memcpy(&addressed[at + offsetof(nlmsghdr, nlmsg_pid)], &port, 4);
      at += (each.header.nlmsg_len + 3U) / 4 * 4;
      const uint32_t offset = each.header.nlmsg_seq - 2;
      if (each.header.nlmsg_type != NLMSG_ERROR || each.payload.size() < 4 || offset > 3) continue;
      if (each.header.nlmsg_pid != 1 && each.header.nlmsg_pid != port) continue;
      const auto error = load<int32_t>(each.payload, 0);
      acknowledged = acknowledged || (error == 0 && offset == 2);
      refused = refused || error != 0;
    }
    kernel.say(addressed);
  }
  const auto verdict = batch.commit(socket);
  if (verdict && verdict->empty()) HOLDS(acknowledged);
  if (verdict && !verdict->empty()) HOLDS(refused);
  if (verdict)
    for (const auto& refusal : *verdict) HOLDS(refusal.message < 2 && refusal.error != 0);
  if (!verdict) HOLDS(fuzz::is_one_line(verdict.error()));
  // Unread replies do not count for the next batch.
  std::array<uint8_t, 4096> left;
  while (socket.receive(left).value().kind != netlink::Received::Kind::nothing) {
  }
  kernel.forget();
}

// In a new network, without other listeners or logged packets.
nft::DeniedLog open_log() {
  if (::unshare(CLONE_NEWNET) != 0) HOLDS(::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0);
  return nft::DeniedLog::open(5353).value();
}

void check_log(const std::vector<Bytes>& reports) {
  static nft::DeniedLog log = open_log();
  static const Kernel kernel(log.fd());
  constexpr uint16_t packet = NFNL_SUBSYS_ULOG << 8U | NFULNL_MSG_PACKET;
  for (const Bytes report : reports) {
    size_t packets = 0;
    for (const SlowMessage& each : messages_of(report))
      packets += each.header.nlmsg_type == packet && each.payload.size() >= sizeof(nfgenmsg) ? 1U : 0U;
    const uint64_t lost_before = log.lost();
    kernel.say(report);
    const auto events = log.read();
    HOLDS(events.has_value());
    HOLDS(events->size() <= packets);
    HOLDS(log.lost() - lost_before >= packets - events->size());
    kernel.forget();
  }
}

void check_watch(const std::vector<Bytes>& notices) {
  nft::TransactionReader reader(66);
  reader.expect_from(77);
  for (const Bytes notice : notices) {
    Bytes rest = notice;
    while (const auto message = netlink::next_message(rest)) {
      const auto change = reader.take(*message);
      if (!change) continue;
      HOLDS(message->type == (NFNL_SUBSYS_NFTABLES << 8U | NFT_MSG_NEWGEN));
      HOLDS(change->kind != nft::Change::Kind::missed && !change->program.contains('\0'));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const uint8_t reader = input.octet();
  const auto all = datagrams(input);
  for (const Bytes datagram : all) check_messages(datagram);
  switch (reader % 3) {
    case 0:
      check_batch(all);
      break;
    case 1:
      check_log(all);
      break;
    default:
      check_watch(all);
  }
  return 0;
}
