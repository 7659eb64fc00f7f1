// link/datagram_pair.h: a pair of connected sockets of whole datagrams, which never block.
#pragma once

#include <array>

#include <sys/socket.h>

#include "ostiary/base/result.h"
#include "ostiary/base/unique_fd.h"

namespace ostiary::link {

inline Result<std::array<UniqueFd, 2>> make_datagram_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
    return std::unexpected(Error::system("socketpair", Exit::unavailable));
  return std::array{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace ostiary::link
