// misdirection.h: drops packets whose header lies about where they come from or where they go.
// - Linux lets a process without privileges send from an address that is not this host's, and send a packet
//   along the route of another. Any answer of the kernel's to such a packet, a refusal too, quotes it to the
//   forged address. So these packets get no answer: they are counted, logged and dropped.
// - A process can have a packet sent straight to the link, although its route leads through a router
//   (SO_DONTROUTE, IP_PKTINFO, a corked datagram). A neighbour that answers for the address would receive it.
//   So the kernel looks the route up again, for the destination that the header names.
// - A source route (an IPv6 routing header, IPv4 options) makes an admitted host pass the packet on. Such a
//   packet is denied like any other.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "ostiary/nft/ruleset.h"

namespace ostiary::nft {

// Counts, logs and drops what is about to leave where it should not.
inline constexpr const char* stray = "stray";

// Where the rules hold one user: a packet without an owner may be of a socket that the agent closed. In a
// flow of the agent's, or where no flow shows whose it is, it goes to that chain.
void add_for_closed_sockets(nlohmann::json& out, const Ruleset& ruleset, const char* chain, const char* to);

// The chains that the rules below go to. They come first.
void add_misdirection(nlohmann::json& out, const Ruleset& ruleset);

// Before any rule of `chain` that accepts: packets of this host itself.
void add_forged_source(nlohmann::json& out, const char* chain);
void add_source_route(nlohmann::json& out, const char* chain);

// The kernel looks up the route of a packet again where a chain of type route changed its mark.
// `output` inverts the mark, and `reroute`, which follows, inverts it back: of the same packets, by the same
// chain. Nothing else sees it inverted. Every packet that `output` accepts has been there before, but for
// those that `reroute` leaves alone.
inline constexpr const char* invert = "invert";
void add_invert(nlohmann::json& out);
void add_reroute(nlohmann::json& out, const Ruleset& ruleset);

// Packets that arrive, from a container inside too: the way back to the source is the interface that they
// came by. The kernel would answer others to a forged address: a refusal, an error and an echo quote them.
void add_forged_arrival(nlohmann::json& out);

// Behind every NAT: a packet for this host, or from a loopback address, leaves through no interface but lo,
// and every other one of IPv4 through one by which its destination is routed.
void add_wire(nlohmann::json& out, const Ruleset& ruleset);

}  // namespace ostiary::nft
