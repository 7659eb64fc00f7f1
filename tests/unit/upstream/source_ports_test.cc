#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>

#include "ostiary/upstream/ares_upstream.h"
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

const Bytes some_address = {192, 0, 2, 1};
// No test waits that long: see skip_time().
constexpr auto one_try = 20s;

dns::Question question(const std::string& name) {
  return {.name = dns::WireName::from(*inet::HostName::parse(name)), .type = dns::RecordType::a};
}

void answer(ScriptedServer& server, const Asked& asked) {
  server.send(asked, reply_to(asked, some_address));
}

size_t open_descriptors() {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

struct Counts {
  size_t answered = 0;
  size_t failed = 0;
  size_t all() const { return answered + failed; }
};

// A server, and an upstream that asks it.
struct Bench {
  PrivateNetwork network;
  ScriptedServer server;
  std::unique_ptr<event::Loop> loop = event::Loop::create().value();
  std::unique_ptr<AresUpstream> upstream;
  Counts counts;
  steady_clock::time_point patient_until;

  explicit Bench(ScriptedServer::Script script, const char* address = "127.0.0.1")
      : server(address, std::move(script)) {
    Options options;
    options.servers = {server.server()};
    options.try_timeout = one_try;
    options.total = 1h;
    auto made = AresUpstream::create(options, *loop);
    REQUIRE(made);
    upstream = *std::move(made);
  }

  void ask(size_t number) {
    upstream->ask(question("h" + std::to_string(number) + ".example"),
                  [this](const Reply& reply) { ++(reply ? counts.answered : counts.failed); });
  }

  void turn() {
    std::vector<pollfd> watched;
    const auto watch = [&](int fd) { watched.push_back({.fd = fd, .events = POLLIN, .revents = 0}); };
    watch(loop->fd());
    std::ranges::for_each(server.descriptors(), watch);
    ::poll(watched.data(), watched.size(), 1);
    REQUIRE(loop->turn(0ms));
    server.serve();
  }

  void end_try() {
    skip_time(one_try);
    patient_until += one_try;
  }

  void run_until(auto done) {
    patient_until = steady_clock::now() + 5s;
    while (!done() && steady_clock::now() < patient_until) turn();
    CHECK(done());
  }

  std::map<uint16_t, size_t> questions_by_port() const {
    std::map<uint16_t, size_t> by_port;
    for (const Asked& asked : server.asked()) ++by_port[asked.from_port];
    return by_port;
  }
};

}  // namespace

TEST_SUITE("upstream/source_ports") {
  TEST_CASE("no question is repeated from a port that lost one, and none is lost for good") {
    if (lacks_private_network()) return;
    for (const char* address : {"127.0.0.1", "::1"}) {
      std::optional<uint16_t> poisoned;
      std::set<std::string> lost;
      Bench bench(
          [&](ScriptedServer& self, const Asked& question) {
            if (!poisoned) poisoned = question.from_port;
            if (question.from_port == *poisoned) return lost.insert(question.name()), void();
            lost.erase(question.name());
            answer(self, question);
          },
          address);
      // One question is always outstanding, so that c-ares never closes its socket.
      size_t asked = 0;
      for (; asked < 4; ++asked) bench.ask(asked);
      bench.run_until([&] {
        if (!lost.empty() && lost.size() == asked - bench.counts.all()) bench.end_try();
        while (asked < 400 && asked - bench.counts.all() < 4) bench.ask(asked++);
        return bench.counts.all() == 400;
      });
      CHECK(bench.counts.failed == 0);
      CHECK(bench.questions_by_port()[*poisoned] <= limits::questions_per_port);
    }
  }

  TEST_CASE("a late reply to the first try is accepted, although another port has asked") {
    if (lacks_private_network()) return;
    std::optional<Asked> first;
    Bench bench([&](ScriptedServer& self, const Asked& asked) {
      if (first) return answer(self, *first);
      first = asked;
    });
    bench.ask(1);
    bench.run_until([&] { return first.has_value(); });
    skip_time(one_try);
    bench.run_until([&] { return bench.counts.all() == 1; });
    CHECK(bench.counts.answered == 1);
    REQUIRE(bench.server.asked().size() == 2);
    CHECK(bench.server.asked()[0].from_port != bench.server.asked()[1].from_port);
  }

  TEST_CASE("a question that comes back to its own port is repeated from another port with the same ID") {
    if (lacks_private_network()) return;
    for (const char* address : {"127.0.0.1", "::1"}) {
      std::set<uint16_t> redirected;
      std::vector<Origin> origins;
      Bench* self = nullptr;
      const auto script = [&](ScriptedServer& server, const Asked& asked) {
        redirected.insert(asked.from_port);
        if (redirected.size() > 3) return answer(server, asked);
        origins.push_back(self->upstream->recognize(question(asked.name()), asked.id(),
                                                    reinterpret_cast<const sockaddr*>(&asked.from)));
      };
      Bench bench(script, address);
      self = &bench;
      bench.ask(1);
      bench.run_until([&] { return bench.counts.all() == 1; });
      CHECK(bench.counts.answered == 1);
      CHECK(origins == std::vector<Origin>(3, Origin::returned));
      const auto& all = bench.server.asked();
      CHECK(std::ranges::all_of(all, [&](const Asked& each) { return each.id() == all[0].id(); }));
      CHECK(bench.questions_by_port().size() == 4);
    }
  }

  TEST_CASE("a question that another process forwards is not repeated") {
    if (lacks_private_network()) return;
    Bench* self = nullptr;
    Bench bench([&](ScriptedServer& server, const Asked& asked) {
      auto from = asked.from;
      ++reinterpret_cast<sockaddr_in&>(from).sin_port;
      const auto recognize = [&](const sockaddr* address) {
        return self->upstream->recognize(question(asked.name()), asked.id(), address);
      };
      CHECK(recognize(reinterpret_cast<const sockaddr*>(&from)) == Origin::passed_on);
      reinterpret_cast<sockaddr_in&>(from) = reinterpret_cast<const sockaddr_in&>(asked.from);
      reinterpret_cast<sockaddr_in&>(from).sin_addr.s_addr += 1U << 24U;
      CHECK(recognize(reinterpret_cast<const sockaddr*>(&from)) == Origin::passed_on);
      CHECK(recognize(nullptr) == Origin::passed_on);
      answer(server, asked);
    });
    self = &bench;
    bench.ask(1);
    bench.run_until([&] { return bench.counts.all() == 1; });
    CHECK(bench.server.asked().size() == 1);
  }

  TEST_CASE("a question that comes back to every port is given up") {
    if (lacks_private_network()) return;
    Bench* self = nullptr;
    Origin last = Origin::other;
    size_t given_up = 0;
    Bench bench([&](ScriptedServer&, const Asked& asked) {
      last = self->upstream->recognize(question(asked.name()), asked.id(),
                                       reinterpret_cast<const sockaddr*>(&asked.from));
      if (last == Origin::passed_on) ++given_up;
    });
    self = &bench;
    bench.ask(1);
    for (const size_t tries : {size_t{1}, size_t{2}}) {
      bench.run_until([&] { return given_up == tries; });
      skip_time(tries * one_try);
    }
    bench.run_until([&] { return bench.counts.all() == 1; });
    CHECK(bench.counts.failed == 1);
    CHECK(last == Origin::passed_on);
    CHECK(bench.server.asked().size() < 20);
  }

  TEST_CASE("few questions share a port") {
    if (lacks_private_network()) return;
    Bench bench(answer);
    for (size_t i = 0; i < 500; ++i) bench.ask(i);
    bench.run_until([&] { return bench.counts.answered == 500; });
    for (const auto& [port, questions] : bench.questions_by_port())
      CHECK(questions <= limits::questions_per_port);
  }

  TEST_CASE("the ports of questions that no server answers are bounded, and closed after them") {
    if (lacks_private_network()) return;
    Bench bench([](ScriptedServer&, const Asked&) {});
    bench.turn();
    const size_t before = open_descriptors();
    size_t most = 0;
    for (size_t i = 0; i < 1024; ++i) bench.ask(i);
    while (bench.counts.all() < 1024) {
      skip_time(one_try);
      bench.turn();
      most = std::max(most, open_descriptors());
    }
    CHECK(bench.counts.failed == 1024);
    CHECK(most <= before + limits::open_ports + 2);
    bench.run_until([&] { return !bench.loop->deadline(); });
    bench.turn();
    CHECK(open_descriptors() <= before + 1);  // the socket of the next question
  }
}
