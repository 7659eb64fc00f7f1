#include "ostiary/keeper/channel.h"

#include <array>
#include <chrono>

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "ostiary/base/unique_fd.h"

using namespace ostiary;

namespace {

struct Channel {
  Channel() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
    keeper = UniqueFd(ends[0]);
    helper = UniqueFd(ends[1]);
  }
  UniqueFd keeper;
  UniqueFd helper;
};

// Returns the number of messages that fit.
size_t fill(const UniqueFd& end) {
  constexpr size_t more_than_fit = 100000;
  size_t sent = 0;
  while (sent < more_than_fit && keeper::send(end.get(), "x")) ++sent;
  CHECK(sent < more_than_fit);
  return sent;
}

}  // namespace

TEST_SUITE("keeper/channel") {
  // A helper that was stopped reads nothing. The keeper must go on reaping and repairing.
  TEST_CASE("a message that does not fit into the channel is an error, not waited for") {
    const Channel channel;
    CHECK(fill(channel.keeper) > 0);
  }

  // The gate reports the addresses of its plan faster than the keeper reads.
  TEST_CASE("a helper's message waits while the channel is full") {
    using std::chrono::steady_clock;
    const Channel channel;
    fill(channel.helper);
    const timeval limit{.tv_sec = 0, .tv_usec = 40'000};
    REQUIRE(::setsockopt(channel.helper.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0);
    const auto begun = steady_clock::now();
    CHECK_FALSE(keeper::send_to_keeper(channel.helper.get(), "y"));
    CHECK(steady_clock::now() - begun >= std::chrono::milliseconds(20));
    REQUIRE(keeper::receive(channel.keeper.get()));
    CHECK(keeper::send_to_keeper(channel.helper.get(), "y"));
  }
}
