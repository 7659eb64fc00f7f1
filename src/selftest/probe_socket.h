// selftest/probe_socket.h: the sockets that the attempts use.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>

#include <sys/socket.h>

#include "finding.h"
#include "ostiary/base/unique_fd.h"
#include "ostiary/inet/ip_address.h"

namespace ostiary::selftest {

enum class Transport : uint8_t { tcp, udp, udp_lite, ping };

// The protocol's number in packets of that family.
uint8_t protocol_of(Transport transport, inet::Family family);

// Non-blocking. The unexpected value is socket(2)'s errno, which is a finding in itself.
std::expected<UniqueFd, int> open_socket(Transport transport, inet::Family family);

// A packet that gets out reaches the next hop at most.
Result<> limit_hops(const UniqueFd& fd, inet::Family family);

// take_icmp_error() requires it.
Result<> ask_for_icmp_errors(const UniqueFd& fd, inet::Family family);

// Drops packets that arrive from a wire before the socket sees them. A network may reset
// connections or answer DNS itself: that must not pass for our own refusal. On a TCP socket this
// requires CAP_NET_ADMIN.
Result<> accept_this_machine_only(const UniqueFd& fd);

// The meaning of an error that occurs before anything is sent.
enum class Failure : uint8_t {
  no_such_socket,  // the kernel lacks the family or the protocol
  no_route,        // no route to there, or no address to send from
  refused,
  other,
};
Failure classify(int error);

// An ICMP error is not dropped like other packets, so it may come from any host. One from this host
// is a refusal, unless it reports that a neighbour did not answer: then the rules let a packet go,
// which waited for the neighbour.
enum class Meaning : uint8_t { not_refused, refused_here };
struct IcmpError {
  int error = 0;
  Meaning meaning = Meaning::not_refused;
};
// The next ICMP error about this socket's packets, if any.
std::optional<IcmpError> take_icmp_error(const UniqueFd& fd);

}  // namespace ostiary::selftest
