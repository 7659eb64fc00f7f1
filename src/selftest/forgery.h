// selftest/forgery.h: packets with another host's address as their source, or with a source route.
// The rules' own refusal of such a packet, an ICMP error or a reset, would carry it to that host.
// No system call reports that. So the caller counts what leaves: octets of this namespace
// (sent_octets.h), or packets that involve the accomplice (nft/egress_counter.h).
#pragma once

#include <string>
#include <vector>

#include "ostiary/base/result.h"
#include "ostiary/inet/ip_address.h"
#include "ostiary/nft/egress_counter.h"

namespace ostiary::selftest {

struct Forgery {
  enum class Kind : uint8_t {
    unbound_datagram,    // IPV6_FREEBIND: the socket is bound to an address that is not this host's
    unbound_connection,  // the same over TCP
    corked_source,       // IPv4: connect() rewrites the source of a corked datagram
    mapped_source,       // a ping over IPv6 from an IPv4 address of this host
    routing_header,      // IPv6 segment routing: to this host, with another host as last stop
    source_route         // the same with an IPv4 option
  };
  std::string name;
  Kind kind = Kind::unbound_datagram;
  // The host that a refusal would reach: a documentation address, chosen anew each time.
  nft::Counted accomplice;
  inet::IpAddress destination;
};

// Chooses new addresses for each boot, because the kernel limits the ICMP errors to one address.
Result<std::vector<Forgery>> choose_forgeries();

// Sends the packet without waiting. Returns the errno of the step that failed, or 0.
int forge(const Forgery& forgery);

}  // namespace ostiary::selftest
