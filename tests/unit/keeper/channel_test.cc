#include "ostiary/keeper/channel.h"

#include <array>

#include <doctest/doctest.h>
#include <sys/socket.h>

#include "ostiary/base/unique_fd.h"

using namespace ostiary;

TEST_SUITE("keeper/channel") {
  // A helper that was stopped reads nothing. The keeper must go on reaping and repairing.
  TEST_CASE("a message that does not fit into the channel is an error, not waited for") {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
    const UniqueFd keeper(ends[0]);
    const UniqueFd helper(ends[1]);
    constexpr size_t more_than_fit = 100000;
    size_t sent = 0;
    while (sent < more_than_fit && keeper::send(keeper.get(), "x")) ++sent;
    CHECK(sent > 0);
    CHECK(sent < more_than_fit);
  }
}
