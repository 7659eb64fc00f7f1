// nft/denied_log.h: the packets the rules refused or dropped, as the kernel reports them through NFLOG.
// Bounded: so many events a read, so many bytes waiting in the kernel; what did not fit is counted.
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
  uint16_t port = 0;  // 0 where the protocol has none
  std::optional<uint8_t> icmp_type;
  Cause cause = Cause::no_rule;
  std::optional<uint32_t> uid;  // of the socket it came from; a forwarded packet has none
};

class DeniedLog {
 public:
  // One listener a group in a network namespace. At first each event comes as soon as it happens.
  static Result<DeniedLog> open(uint16_t group);

  // From now on the kernel gathers events for a few milliseconds: an agent can cause very many.
  Result<> gather();

  // No more events: those that the kernel has gathered come at once.
  Result<> end();

  int fd() const { return socket_.fd(); }

  // What waits, up to one datagram of the kernel's; empty when nothing does. Valid until the next call.
  Result<std::span<const Denied>> read();

  // Packets denied that no event tells of, since open().
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
