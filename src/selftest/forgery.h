// forgery.h: packets that bear another host's address as their source, or name a further stop on their way.
// The rules' own refusal of such a packet, an ICMP error or a reset, would carry it to that other host. No
// system call tells whether it did: whoever tries counts what leaves, here (sent_octets.h) or with the
// address of the accomplice (nft/egress_counter.h).
#pragma once

#include <string>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/inet/ip_address.h"
#include "ostiary/nft/egress_counter.h"

namespace ostiary::selftest {

struct Forgery {
  enum class Kind : uint8_t {
    unbound_datagram,    // IPV6_FREEBIND: a socket bound to an address that is not here
    unbound_connection,  // the same over TCP
    corked_source,       // IPv4: connect() rewrites the flow of a datagram that waits
    mapped_source,       // a ping over IPv6 from an IPv4 address of this host
    routing_header,      // IPv6 segment routing: the destination is this host, the last stop another
    source_route         // the same with an IPv4 option
  };
  std::string name;
  Kind kind = Kind::unbound_datagram;
  // Where a refusal would go: a documentation address, another one each time.
  nft::Counted accomplice;
  inet::IpAddress destination;
};

// The addresses are chosen anew for each boot: the kernel limits how many ICMP errors one address gets.
Result<std::vector<Forgery>> choose_forgeries();

// Sends it, without waiting. The errno of the step that failed, or 0.
int forge(const Forgery& forgery);

}  // namespace ostiary::selftest
