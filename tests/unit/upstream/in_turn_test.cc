#include "ostiary/upstream/in_turn.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <poll.h>

#include "private_network.h"
#include "scripted_server.h"
#include "skipped_time.h"

using namespace ostiary;
using namespace ostiary::upstream;
using namespace ostiary::upstream::testing;
using namespace std::chrono_literals;
using ostiary::testing::lacks_private_network;
using ostiary::testing::PrivateNetwork;
using ostiary::testing::skip_time;
using std::chrono::steady_clock;

namespace {

const Bytes from_docker = {192, 0, 2, 11};
const Bytes from_outside = {192, 0, 2, 8};
constexpr size_t server_failure = 0x8182;
// No test waits that long: see skip_time().
constexpr auto one_try = 20s;
constexpr auto total = 100s;

dns::Question question(const std::string& name) {
  return {.name = dns::WireName::from(*inet::HostName::parse(name)), .type = dns::RecordType::a};
}

// Docker's resolver and an outside server, in a new network.
struct Bench {
  enum class Outside : uint8_t { answers, is_silent };

  PrivateNetwork network;
  ScriptedServer docker;
  ScriptedServer outside;
  std::unique_ptr<event::Loop> loop = event::Loop::create().value();
  std::unique_ptr<InTurn> upstream;
  size_t answers = 0;
  std::optional<Bytes> found;  // the octets of the last reply; nothing if there was none

  explicit Bench(ScriptedServer::Script script, Outside behaviour = Outside::answers,
                 std::chrono::milliseconds try_timeout = one_try)
      : docker("127.0.0.11", std::move(script)),
        outside("127.0.0.1", [behaviour](ScriptedServer& self, const Asked& asked) {
          if (behaviour == Outside::answers) self.send(asked, reply_to(asked, from_outside));
        }) {
    Options options;
    options.servers = {docker.server(), outside.server()};
    options.try_timeout = try_timeout;
    options.total = total;
    auto made = InTurn::create(options, *loop);
    REQUIRE(made);
    upstream = *std::move(made);
  }

  bool turn(std::chrono::milliseconds longest) {
    std::vector<pollfd> watched;
    const auto watch = [&](int fd) { watched.push_back({.fd = fd, .events = POLLIN, .revents = 0}); };
    watch(loop->fd());
    for (const auto* server : {&docker, &outside}) std::ranges::for_each(server->descriptors(), watch);
    const bool is_ready = ::poll(watched.data(), watched.size(), static_cast<int>(longest.count())) > 0;
    REQUIRE(loop->turn(0ms));
    docker.serve();
    outside.serve();
    return is_ready;
  }
  // Until no packet is under way: they are all on loopback.
  void settle() {
    while (turn(0ms) || turn(1ms)) {
    }
  }
  void skip(std::chrono::seconds time) {
    skip_time(time);
    settle();
  }

  void ask(const std::string& name) {
    answers = 0;
    found.reset();
    upstream->ask(question(name), [&](const Reply& reply) {
      ++answers;
      if (reply) found.emplace(reply->begin(), reply->end());
    });
    settle();
  }
  std::optional<Bytes> reply_for(const std::string& name) {
    ask(name);
    for (const auto end = steady_clock::now() + 5s; answers == 0 && steady_clock::now() < end;) turn(5ms);
    CHECK(answers == 1);
    return found;
  }
};

bool holds(const std::optional<Bytes>& reply, const Bytes& address) {
  return reply && !std::ranges::search(*reply, address).empty();
}

void fail_on(std::string_view failing, ScriptedServer& self, const Asked& asked) {
  const bool fails = asked.name() == failing;
  self.send(asked, fails ? reply_to(asked, from_docker, {.flags = server_failure, .records = 0})
                         : reply_to(asked, from_docker));
}

}  // namespace

TEST_SUITE("upstream/in_turn") {
  TEST_CASE("an answer from Docker's resolver is final, even after many failures") {
    if (lacks_private_network()) return;
    Bench bench([](ScriptedServer& self, const Asked& asked) { fail_on("outside.example", self, asked); });
    for (int i = 0; i < 5; ++i) {
      CHECK(holds(bench.reply_for("outside.example"), from_outside));
      CHECK(holds(bench.reply_for("collector"), from_docker));
    }
    CHECK(std::ranges::none_of(bench.outside.asked(),
                               [](const Asked& asked) { return asked.name() == "collector"; }));
    CHECK(bench.docker.asked().size() == 10);
  }

  TEST_CASE("NXDOMAIN counts as an answer") {
    if (lacks_private_network()) return;
    Bench bench([](ScriptedServer& self, const Asked& asked) {
      self.send(asked, reply_to(asked, from_docker, {.flags = 0x8183, .records = 0}));
    });
    CHECK(bench.reply_for("nosuch"));
    CHECK(bench.outside.asked().empty());
  }

  TEST_CASE("a silent or missing Docker resolver is skipped in time") {
    if (lacks_private_network()) return;
    Bench silent([](ScriptedServer&, const Asked&) {});
    silent.ask("outside.example");
    silent.skip(one_try / 2);
    CHECK(silent.outside.asked().empty());
    silent.skip(one_try / 2);
    CHECK(silent.answers == 1);
    CHECK(holds(silent.found, from_outside));
    Bench gone([](ScriptedServer&, const Asked&) {});
    gone.docker.stop();
    CHECK(holds(gone.reply_for("outside.example"), from_outside));
  }

  TEST_CASE("every question is answered within the total limit if all servers are silent") {
    if (lacks_private_network()) return;
    Bench bench([](ScriptedServer&, const Asked&) {}, Bench::Outside::is_silent, 3 * total);
    bench.ask("outside.example");
    bench.skip(total / 2);
    CHECK(bench.outside.asked().size() == 1);
    bench.skip(total / 4);
    CHECK(bench.answers == 0);
    bench.skip(total / 4);
    CHECK(bench.answers == 1);
    CHECK_FALSE(bench.found);
  }

  TEST_CASE("recognises its own question at either server") {
    if (lacks_private_network()) return;
    bool own = false;
    InTurn* upstream = nullptr;
    Bench bench([&](ScriptedServer& self, const Asked& asked) {
      own = upstream->recognize(question("outside.example"), asked.id(), nullptr) == Origin::passed_on;
      self.send(asked, reply_to(asked, from_docker, {.flags = server_failure, .records = 0}));
    });
    upstream = bench.upstream.get();
    CHECK(holds(bench.reply_for("outside.example"), from_outside));
    CHECK(own);
  }

  TEST_CASE("each question that is outstanding at its end is answered once") {
    if (lacks_private_network()) return;
    Bench bench([](ScriptedServer&, const Asked&) {});
    size_t answers = 0;
    bench.upstream->ask(question("outside.example"), [&](const Reply& reply) {
      ++answers;
      CHECK_FALSE(reply);
    });
    bench.upstream.reset();
    CHECK(answers == 1);
  }
}
