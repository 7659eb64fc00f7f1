// probe_socket.h: the sockets of the attempts.
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

// A packet that gets out gets to the next hop and no further.
Result<> limit_hops(const UniqueFd& fd, inet::Family family);

// For take_icmp_error().
Result<> ask_for_icmp_errors(const UniqueFd& fd, inet::Family family);

// The address that it is bound to, where there is one.
std::optional<inet::IpAddress> own_address(const UniqueFd& fd);

// What comes in from a wire is dropped before the socket sees it: where the network resets connections or
// answers DNS itself, that is not taken for our own refusal. On a TCP socket this takes CAP_NET_ADMIN.
Result<> accept_from_this_machine_alone(const UniqueFd& fd);

// What an error that was there before anything was sent says.
enum class Failure : uint8_t {
  no_such_socket,  // the kernel lacks the family or the protocol
  no_way,          // no route to there, or no address to send from
  refused,
  other,
};
Failure classify(int error);

// An ICMP error passes where the rest is dropped, so it may be anybody's. One of our own is a refusal, unless
// it tells of a neighbour that did not answer: then a packet was let go, and waited for that neighbour.
enum class Meaning : uint8_t { not_refused, refused_here };
struct IcmpError {
  int error = 0;
  Meaning meaning = Meaning::not_refused;
};
// The next one there is about this socket's packets.
std::optional<IcmpError> take_icmp_error(const UniqueFd& fd);

}  // namespace ostiary::selftest
