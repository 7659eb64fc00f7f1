// nft/denied_log.h: the packets that the rules refused or dropped, as the kernel reports them
// through NFLOG.
// - The number of events in one read() and the number of bytes that wait in the kernel are bounded.
// - Packets whose events did not fit are counted in lost().
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/inet/ip_address.h"
#include "ostiary/netlink/message.h"
#include "ostiary/netlink/socket.h"
#include "ostiary/nft/cause.h"

namespace ostiary::nft {

struct Denied {
  inet::IpAddress destination;
  uint8_t protocol = 0;
  uint16_t port = 0;  // 0 if the protocol has none
  std::optional<uint8_t> icmp_type;
  Cause cause = Cause::no_rule;
  std::optional<uint32_t> uid;  // of the sending socket; a forwarded packet has none
};

class DeniedLog {
 public:
  // A network namespace allows one listener per group. At first the kernel sends each event alone.
  static Result<DeniedLog> open(uint16_t group);

  // From now on the kernel sends events in batches, delayed by a few milliseconds: an agent can
  // cause very many.
  Result<> gather();

  // Ends the log. The kernel sends the events of its last batch at once; read() returns them.
  Result<> end();

  int fd() const { return socket_.fd(); }

  // The events that wait, up to one datagram of the kernel. Valid until the next call.
  Result<std::span<const Denied>> read();

  // Denied packets since open() for which read() has no event.
  uint64_t lost() const { return lost_; }

 private:
  DeniedLog(netlink::Socket socket, uint16_t group);
  void take(const netlink::Message& message);

  netlink::Socket socket_;
  uint16_t group_;
  std::vector<uint8_t> buffer_;
  std::vector<Denied> events_;
  uint32_t next_sequence_ = 0;
  uint64_t lost_ = 0;
};

}  // namespace ostiary::nft
