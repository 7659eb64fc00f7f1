#include "relay/spool.h"

#include <string>

#include <doctest/doctest.h>

using namespace ostiary;
using namespace ostiary::relay;

namespace {

constexpr size_t overhead = sizeof(Post);

Post post(std::string body) {
  return {.signal = telemetry::Signal::logs, .body = std::move(body)};
}

// The bodies that it holds, oldest first.
std::string bodies(Spool spool) {
  std::string all;
  while (const auto next = spool.take()) (all += next->body) += ' ';
  return all;
}

}  // namespace

TEST_SUITE("relay/spool") {
  TEST_CASE("the oldest post comes first, and one that was put back is the oldest again") {
    Spool spool(10'000);
    CHECK_FALSE(spool.take().has_value());
    spool.add(post("a"));
    spool.add(post("b"));
    Post first = spool.take().value();
    CHECK(first.body == "a");
    CHECK(first.signal == telemetry::Signal::logs);
    spool.add(post("c"));
    spool.put_back(std::move(first));
    CHECK(bodies(spool) == "a b c ");
    CHECK(spool.displaced() == 0);
  }

  TEST_CASE("the newest posts displace the oldest, and each is counted") {
    Spool spool(3 * (overhead + 10));
    for (const char* body : {"0123456789", "b", "c", "d"}) spool.add(post(body));
    CHECK(bodies(spool) == "b c d ");
    CHECK(spool.displaced() == 1);
    spool.add(post(std::string(20, 'e')));
    CHECK(bodies(spool) == "c d eeeeeeeeeeeeeeeeeeee ");
    CHECK(spool.displaced() == 2);
    CHECK(spool.octets() == 3 * overhead + 22);
  }

  TEST_CASE("a post that is put back into a full spool is displaced, because it is the oldest") {
    Spool spool(2 * (overhead + 1));
    spool.add(post("a"));
    spool.add(post("b"));
    Post oldest = spool.take().value();
    spool.add(post("c"));
    spool.put_back(std::move(oldest));
    CHECK(bodies(spool) == "b c ");
    CHECK(spool.displaced() == 1);
  }

  TEST_CASE("posts without a body take room too, and one beyond the limit is not held") {
    Spool spool(2 * overhead);
    for (int i = 0; i < 5; ++i) spool.add(post(""));
    CHECK(spool.displaced() == 3);
    spool.add(post(std::string(overhead + 1, 'x')));
    CHECK(spool.empty());
    CHECK(spool.octets() == 0);
    CHECK(spool.displaced() == 6);
  }
}
