// nft/misdirection.h: drops packets whose header lies about where they come from or where they go.
// - Linux lets an unprivileged process send from an address that is not this host's, and send a
//   packet along the route of another. The kernel's answer to such a packet, a refusal included,
//   would quote it to the forged address. So these packets are counted, logged and dropped without
//   an answer.
// - A process can have a packet sent straight to the link, although its route leads through a
//   router (SO_DONTROUTE, IP_PKTINFO, a corked datagram). A neighbour that answers for the address
//   would receive it. So the kernel looks up the route again, for the destination in the header.
// - A source route (an IPv6 routing header, IPv4 options) makes an admitted host pass the packet
//   on. Such a packet is denied like any other.
#pragma once

#include "ostiary/nft/ruleset.h"

namespace ostiary::nft {

// The chain that counts, logs and drops packets about to leave through the wrong interface.
inline constexpr const char* stray = "stray";

// User scope: a packet without an owner may come from a socket that the agent closed. If it is in a
// flow of the agent or untracked, it goes to chain `to`.
void add_for_closed_sockets(Json& out, const Ruleset& ruleset, const char* chain, const char* to);

// Adds the chains that the rules below go to. Call it first.
void add_misdirection(Json& out, const Ruleset& ruleset);

// For packets of this host. Call them before the rules that accept the agent's packets.
void add_forged_source(Json& out, const char* chain);
void add_source_route(Json& out, const char* chain);

// The kernel looks up a packet's route again if a chain of type `route` changed its mark. `output`
// inverts the mark; `reroute`, which follows, inverts it back. Both do so through the chain
// `invert`, for the same packets, and no other table sees the inverted mark. `output` accepts no
// packet before `invert`, except those that `reroute` leaves alone.
inline constexpr const char* invert = "invert";
void add_invert(Json& out);
void add_reroute(Json& out, const Ruleset& ruleset);

// For packets that arrive, also from a container inside: drops those whose source does not lead
// back through the interface that they came by. The kernel would answer them to a forged address,
// and a refusal, an error or an echo reply quotes the packet.
void add_forged_arrival(Json& out);

// After every NAT: a packet for this host or from a loopback address leaves through lo only, and
// any other IPv4 packet only through an interface by which its destination is routed.
void add_wire(Json& out, const Ruleset& ruleset);

}  // namespace ostiary::nft
