#include "ostiary/upstream/ares_upstream.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>
#include <poll.h>
#include <stdlib.h>

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
using ostiary::testing::WithoutNetAdmin;
using std::chrono::steady_clock;

namespace {

const Bytes some_address = {192, 0, 2, 1};
// No test waits that long: see skip_time().
constexpr auto one_try = 20s;
// Older versions of c-ares wait twice as long for a reply to the second try.
constexpr auto longest_try = 2 * one_try;
constexpr uint32_t some_mark = 0x6f737469;

// The outcome of one question.
struct Fate {
  size_t answers = 0;
  std::optional<Unanswered> why;
  Bytes reply;
  std::chrono::milliseconds took{};

  bool answered() const { return answers == 1 && !why; }
};

dns::Question question(const std::string& name) {
  return {.name = dns::WireName::from(*inet::HostName::parse(name)), .type = dns::RecordType::a};
}

// Servers, an upstream that asks them, and the loop that runs all of them.
struct Bench {
  PrivateNetwork network;
  std::vector<std::unique_ptr<ScriptedServer>> servers;
  std::unique_ptr<event::Loop> loop = event::Loop::create().value();
  std::unique_ptr<AresUpstream> upstream;

  ScriptedServer& serve(ScriptedServer::Script script, const char* address = "127.0.0.1") {
    return *servers.emplace_back(std::make_unique<ScriptedServer>(address, std::move(script)));
  }

  static Options options_for(const std::vector<Server>& all) {
    Options options;
    options.servers = all;
    options.try_timeout = one_try;
    options.total = 1h;
    return options;
  }
  void open(Options options) {
    if (options.servers.empty())
      for (const auto& server : servers) options.servers.push_back(server->server());
    auto made = AresUpstream::create(options, *loop);
    REQUIRE_MESSAGE(made, (made ? std::string() : made.error().message));
    upstream = *std::move(made);
  }
  void open() { open(options_for({})); }

  std::shared_ptr<Fate> ask(const std::string& name) const {
    auto fate = std::make_shared<Fate>();
    const auto begun = loop->now();
    upstream->ask(question(name), [this, fate, begun](Reply reply) {
      ++fate->answers;
      fate->took = std::chrono::duration_cast<std::chrono::milliseconds>(loop->now() - begun);
      if (reply)
        fate->reply.assign(reply->begin(), reply->end());
      else
        fate->why = reply.error();
    });
    return fate;
  }

  // Handles what happens within that time.
  bool turn(std::chrono::milliseconds longest) const {
    std::vector<pollfd> watched;
    const auto watch = [&](int fd) { watched.push_back({.fd = fd, .events = POLLIN, .revents = 0}); };
    watch(loop->fd());
    for (const auto& server : servers) std::ranges::for_each(server->descriptors(), watch);
    const bool is_ready = ::poll(watched.data(), watched.size(), static_cast<int>(longest.count())) > 0;
    REQUIRE(loop->turn(0ms));
    for (const auto& server : servers) server->serve();
    return is_ready;
  }
  // Until no packet is under way: they are all on loopback.
  void settle() const {
    while (turn(0ms) || turn(1ms)) {
    }
  }
  void run_until(auto done) const {
    for (const auto end = steady_clock::now() + 5s; !done() && steady_clock::now() < end;) turn(5ms);
    CHECK(done());
  }
  // For a question whose servers may stay silent: once nothing happens any more, its try is over.
  void run_through_tries(const Fate& fate) const {
    for (int tries = 0; tries < 10; ++tries) {
      settle();
      if (fate.answers > 0) return;
      skip_time(longest_try);
    }
    FAIL_CHECK("the question was not answered");
  }
  Fate fate_of(const std::string& name) const {
    const auto fate = ask(name);
    run_until([&] { return fate->answers > 0; });
    return *fate;
  }
  Fate fate_in_silence(const std::string& name) const {
    const auto fate = ask(name);
    run_through_tries(*fate);
    return *fate;
  }
};

void answer(ScriptedServer& server, const Asked& asked) {
  server.send(asked, reply_to(asked, some_address));
}
void stay_silent(ScriptedServer&, const Asked&) {}

size_t addresses_in(const Fate& fate, const std::string& name) {
  const auto reading = dns::read_address_reply(fate.reply, question(name));
  const auto* addresses = std::get_if<dns::Addresses>(&reading);
  return addresses == nullptr ? 0 : addresses->list.size();
}

size_t open_descriptors() {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

}  // namespace

TEST_SUITE("upstream/ares_upstream") {
  TEST_CASE("brings back a server's reply, over IPv4 and over IPv6") {
    if (lacks_private_network()) return;
    for (const char* address : {"127.0.0.1", "::1"}) {
      Bench bench;
      const auto& server = bench.serve(answer, address);
      bench.open();
      CHECK_FALSE(bench.loop->deadline());
      const Fate fate = bench.fate_of("host.example");
      CHECK(fate.answered());
      CHECK(addresses_in(fate, "host.example") == 1);
      REQUIRE(server.asked().size() == 1);
      CHECK(server.asked()[0].over == Asked::Over::udp);
      CHECK_FALSE(bench.loop->deadline());
    }
  }

  TEST_CASE("sends exactly the question, with EDNS") {
    if (lacks_private_network()) return;
    Bench bench;
    const auto& server = bench.serve(answer);
    bench.open();
    bench.fate_of("host.example");
    std::array<uint8_t, 512> room{};
    const size_t size = dns::write_query(room, server.asked().at(0).id(), question("host.example"));
    const Bytes& query = server.asked()[0].query;
    // Newer c-ares versions add a cookie (RFC 7873) to the OPT record.
    REQUIRE(query.size() >= size);
    CHECK(std::equal(query.begin(), query.begin() + static_cast<ptrdiff_t>(size - 2), room.begin()));
  }

  TEST_CASE("recognises its own question by ID while it is outstanding, also when it is repeated") {
    if (lacks_private_network()) return;
    Bench bench;
    std::vector<uint16_t> ids;
    bench.serve([&](ScriptedServer& self, const Asked& asked) {
      ids.push_back(asked.id());
      if (ids.size() == 2) answer(self, asked);
    });
    bench.open();
    const auto is_asking = [&](const dns::Question& asked, uint16_t id) {
      return bench.upstream->recognize(asked, id, nullptr) == Origin::passed_on;
    };
    const auto fate = bench.ask("host.example");
    for (const size_t tries : {size_t{1}, size_t{2}}) {
      bench.run_until([&] { return ids.size() == tries; });
      CHECK(is_asking(question("host.example"), ids.back()));
      CHECK_FALSE(is_asking(question("host.example"), static_cast<uint16_t>(ids.back() + 1)));
      CHECK_FALSE(is_asking(question("other.example"), ids.back()));
      const dns::Question other_type{.name = question("host.example").name, .type = dns::RecordType::aaaa};
      CHECK_FALSE(is_asking(other_type, ids.back()));
      if (tries == 1) skip_time(one_try);
    }
    bench.run_until([&] { return fate->answers > 0; });
    CHECK_FALSE(is_asking(question("host.example"), ids.back()));
  }

  TEST_CASE("accepts a UDP reply up to the EDNS size, and fetches a truncated one over TCP") {
    if (lacks_private_network()) return;
    Bench bench;
    const auto& server = bench.serve([](ScriptedServer& self, const Asked& asked) {
      if (asked.name() == "large.example")
        return self.send(asked, reply_to(asked, some_address, {.records = 60}));
      const bool udp = asked.over == Asked::Over::udp;
      self.send(asked, reply_to(asked, some_address,
                                {.flags = dns::testing::good_reply | (udp ? 0x0200U : 0U),
                                 .records = udp ? size_t{0} : size_t{64}}));
    });
    bench.open();
    CHECK(addresses_in(bench.fate_of("large.example"), "large.example") == 60);
    CHECK(server.asked().size() == 1);
    CHECK(addresses_in(bench.fate_of("huge.example"), "huge.example") == 64);
    REQUIRE(server.asked().size() == 3);
    CHECK(server.asked()[2].over == Asked::Over::tcp);
  }

  TEST_CASE("asks many questions over TCP at once") {
    if (lacks_private_network()) return;
    Bench bench;
    bench.serve([](ScriptedServer& self, const Asked& asked) {
      const bool udp = asked.over == Asked::Over::udp;
      self.send(asked,
                reply_to(asked, some_address, {.flags = dns::testing::good_reply | (udp ? 0x0200U : 0U)}));
    });
    bench.open();
    std::vector<std::shared_ptr<Fate>> fates;
    for (int i = 0; i < 50; ++i) fates.push_back(bench.ask("h" + std::to_string(i) + ".example"));
    bench.run_until([&] { return std::ranges::all_of(fates, [](const auto& f) { return f->answers > 0; }); });
    for (size_t i = 0; i < fates.size(); ++i)
      CHECK(addresses_in(*fates[i], "h" + std::to_string(i) + ".example") == 1);
  }

  TEST_CASE("gives up a server that closes a TCP connection early") {
    if (lacks_private_network()) return;
    Bench bench;
    bench.serve([](ScriptedServer& self, const Asked& asked) {
      if (asked.over == Asked::Over::tcp) return self.close_connections();
      self.send(asked, reply_to(asked, some_address, {.flags = dns::testing::good_reply | 0x0200U}));
    });
    bench.open();
    const Fate fate = bench.fate_of("host.example");
    CHECK(fate.answers == 1);
    CHECK(fate.why);
  }

  TEST_CASE("times out after its tries if the server is silent") {
    if (lacks_private_network()) return;
    Bench bench;
    const auto& server = bench.serve(stay_silent);
    bench.open();
    const auto fate = bench.ask("host.example");
    bench.settle();
    skip_time(one_try / 2);
    bench.settle();
    CHECK(server.asked().size() == 1);
    bench.run_through_tries(*fate);
    CHECK(fate->why == Unanswered::timed_out);
    CHECK(server.asked().size() == 2);
  }

  TEST_CASE("times out at the total limit with tries left, and ignores later replies") {
    if (lacks_private_network()) return;
    Bench bench;
    std::vector<Asked> held;
    auto& server = bench.serve([&](ScriptedServer&, const Asked& asked) { held.push_back(asked); });
    auto options = Bench::options_for({});
    options.try_timeout = 300s;
    options.total = 50s;
    bench.open(options);
    const auto first = bench.ask("first.example");
    skip_time(20s);
    const auto second = bench.ask("second.example");
    skip_time(20s);
    bench.settle();
    CHECK(first->answers == 0);
    skip_time(10s);
    bench.settle();
    CHECK(first->answers == 1);
    CHECK(second->answers == 0);
    skip_time(20s);
    bench.settle();
    for (const auto& fate : {first, second}) {
      CHECK(fate->why == Unanswered::timed_out);
      CHECK(fate->took >= options.total);
    }
    for (const Asked& asked : held) answer(server, asked);
    bench.run_until([&] { return !bench.loop->deadline(); });
    CHECK(first->answers == 1);
    CHECK(second->answers == 1);
  }

  TEST_CASE("accepts only a reply with its ID and its question") {
    if (lacks_private_network()) return;
    const std::vector<Shape> forgeries = {{.id_change = 1}, {.id_change = 256}, {.name = "other.example"}};
    for (const Shape& forgery : forgeries) {
      Bench alone;
      alone.serve([&](ScriptedServer& self, const Asked& asked) {
        self.send(asked, reply_to(asked, {203, 0, 113, 66}, forgery));
      });
      alone.open();
      CHECK(alone.fate_in_silence("host.example").why == Unanswered::timed_out);

      Bench followed;
      const auto& server = followed.serve([&](ScriptedServer& self, const Asked& asked) {
        self.send(asked, reply_to(asked, {203, 0, 113, 66}, forgery));
        answer(self, asked);
      });
      followed.open();
      const Fate fate = followed.fate_of("host.example");
      CHECK(fate.answered());
      CHECK(std::ranges::search(fate.reply, some_address));
      CHECK(server.asked().size() == 1);
    }
  }

  TEST_CASE("accepts no reply from another address or port") {
    if (lacks_private_network()) return;
    for (const char* elsewhere : {"127.0.0.2", "127.0.0.1"}) {
      Bench bench;
      auto& forger = bench.serve(stay_silent, elsewhere);
      const auto& server = bench.serve([&](ScriptedServer&, const Asked& asked) { answer(forger, asked); });
      bench.open(Bench::options_for({server.server()}));
      CHECK(bench.fate_in_silence("host.example").why == Unanswered::timed_out);
      CHECK(server.asked().size() == 2);
    }
  }

  TEST_CASE("survives garbage before the reply and instead of it") {
    if (lacks_private_network()) return;
    const std::vector<Bytes> garbage = {
        {}, {0}, Bytes(11, 0xff), Bytes(12, 0xff), Bytes(1232, 0xc0), Bytes(600, 0)};
    for (const Bytes& octets : garbage) {
      Bench before;
      before.serve([&](ScriptedServer& self, const Asked& asked) {
        self.send(asked, octets);
        answer(self, asked);
      });
      before.open();
      CHECK(before.fate_of("host.example").answers == 1);

      Bench instead;
      instead.serve([&](ScriptedServer& self, const Asked& asked) { self.send(asked, octets); });
      instead.open();
      CHECK(instead.fate_in_silence("host.example").why);
    }
  }

  TEST_CASE("answers once when the reply comes twice") {
    if (lacks_private_network()) return;
    Bench bench;
    bench.serve([](ScriptedServer& self, const Asked& asked) {
      answer(self, asked);
      answer(self, asked);
    });
    bench.open();
    const auto slow = bench.ask("slow.example");
    const auto fast = bench.ask("fast.example");
    bench.settle();
    CHECK(slow->answers == 1);
    CHECK(fast->answers == 1);
  }

  TEST_CASE("asks the next server when one is closed, silent or failing") {
    if (lacks_private_network()) return;
    const std::vector<ScriptedServer::Script> failings = {
        [](ScriptedServer& self, const Asked&) { self.stop(); }, stay_silent,
        [](ScriptedServer& self, const Asked& asked) {
          self.send(asked, reply_to(asked, some_address, {.flags = 0x8182, .records = 0}));  // SERVFAIL
        },
        [](ScriptedServer& self, const Asked& asked) {
          self.send(asked, reply_to(asked, some_address, {.flags = 0x8185, .records = 0}));  // REFUSED
        }};
    for (const auto& failing : failings) {
      Bench bench;
      bench.serve(failing);
      const auto& good = bench.serve(answer, "127.0.0.2");
      bench.open();
      CHECK(bench.fate_in_silence("host.example").answered());
      CHECK(bench.fate_in_silence("again.example").answered());
      CHECK(good.asked().size() == 2);
    }
  }

  TEST_CASE("reports that no server is reachable, possibly before the call returns") {
    if (lacks_private_network()) return;
    Bench closed;
    auto& server = closed.serve(answer);
    closed.open();
    server.stop();
    const Fate refused = closed.fate_of("host.example");
    CHECK(refused.why == Unanswered::refused_by_network);
    CHECK(refused.took < one_try);

    Bench unreachable;
    unreachable.open(Bench::options_for({*parse_server("192.0.2.53")}));
    CHECK(unreachable.ask("host.example")->why == Unanswered::refused_by_network);
  }

  TEST_CASE("passes on the failure of a single server; of several it reports one failure") {
    if (lacks_private_network()) return;
    const auto fail_to = [](ScriptedServer& self, const Asked& asked) {
      self.send(asked, reply_to(asked, some_address, {.flags = 0x8182, .records = 0}));
    };
    Bench alone;
    alone.serve(fail_to);
    alone.open();
    const Fate fate = alone.fate_of("host.example");
    REQUIRE(fate.answered());
    const auto reading = dns::read_address_reply(fate.reply, question("host.example"));
    REQUIRE(std::holds_alternative<dns::UpstreamFailure>(reading));
    CHECK(std::get<dns::UpstreamFailure>(reading).rcode == dns::Rcode::server_failure);
    CHECK(alone.servers[0]->asked().size() == 1);

    Bench two;
    two.serve(fail_to);
    two.serve(fail_to, "127.0.0.2");
    two.open();
    CHECK(two.fate_of("host.example").answers == 1);
  }

  TEST_CASE("repeats the question without EDNS to a server that does not support it") {
    if (lacks_private_network()) return;
    Bench bench;
    const auto& server = bench.serve([](ScriptedServer& self, const Asked& asked) {
      const bool edns = asked.query[11] != 0;
      self.send(asked, reply_to(asked, some_address,
                                {.flags = edns ? size_t{0x8181} : dns::testing::good_reply,
                                 .records = edns ? size_t{0} : size_t{1}}));
    });
    bench.open();
    for (const std::string name : {"one.example", "two.example", "three.example"})
      CHECK(addresses_in(bench.fate_of(name), name) == 1);
    CHECK(server.asked().size() == 6);
  }

  TEST_CASE("answers each of 500 concurrent questions with its own address") {
    if (lacks_private_network()) return;
    Bench bench;
    bench.serve([](ScriptedServer& self, const Asked& asked) {
      const int number = std::stoi(asked.name().substr(1));
      self.send(asked,
                reply_to(asked, {198, 51, static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)}));
    });
    bench.open();
    std::vector<std::shared_ptr<Fate>> fates;
    for (int i = 0; i < 500; ++i) fates.push_back(bench.ask("h" + std::to_string(i) + ".example"));
    bench.run_until([&] { return std::ranges::all_of(fates, [](const auto& f) { return f->answers > 0; }); });
    size_t right = 0;
    for (size_t i = 0; i < fates.size(); ++i) {
      const Bytes expected = {198, 51, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
      const Bytes& reply = fates[i]->reply;
      if (fates[i]->answered() && std::equal(expected.begin(), expected.end(), reply.end() - 4)) ++right;
    }
    CHECK(right == 500);
  }

  TEST_CASE("refuses at once only the question above the limit") {
    if (lacks_private_network()) return;
    Bench bench;
    bench.serve(stay_silent);
    auto options = Bench::options_for({});
    options.outstanding = 3;
    bench.open(options);
    std::vector<std::shared_ptr<Fate>> fates;
    for (const char* name : {"a.example", "b.example", "c.example", "d.example"})
      fates.push_back(bench.ask(name));
    for (size_t i = 0; i < 3; ++i) CHECK(fates[i]->answers == 0);
    CHECK(fates[3]->why == Unanswered::too_many);
    bench.run_through_tries(*fates[2]);
    CHECK(bench.ask("e.example")->answers == 0);
  }

  TEST_CASE("cancels each outstanding question once at its end, also those asked meanwhile") {
    if (lacks_private_network()) return;
    Bench bench;
    bench.serve(stay_silent);
    bench.open();
    std::vector<std::shared_ptr<Fate>> fates;
    for (int i = 0; i < 100; ++i) fates.push_back(bench.ask("h" + std::to_string(i) + ".example"));
    std::optional<Unanswered> meanwhile;
    AresUpstream& ending = *bench.upstream;
    ending.ask(question("last.example"), [&](const Reply&) {
      ending.ask(question("meanwhile.example"), [&](Reply reply) { meanwhile = reply.error(); });
    });
    bench.settle();
    bench.upstream.reset();
    CHECK(std::ranges::all_of(
        fates, [](const auto& f) { return f->answers == 1 && f->why == Unanswered::cancelled; }));
    CHECK(meanwhile == Unanswered::cancelled);
  }

  TEST_CASE("accepts a question from within an answer") {
    if (lacks_private_network()) return;
    Bench bench;
    bench.serve(answer);
    bench.open();
    int answers = 0;
    std::function<void()> next = [&] {
      bench.upstream->ask(question("h" + std::to_string(answers) + ".example"), [&](const Reply& reply) {
        if (reply && ++answers < 20) next();
      });
    };
    next();
    bench.run_until([&] { return answers == 20; });

    bench.servers[0]->stop();
    std::optional<Unanswered> why;
    bench.upstream->ask(question("one.example"), [&](const Reply&) {
      bench.upstream->ask(question("two.example"), [&](Reply reply) { why = reply.error(); });
    });
    bench.run_until([&] { return why.has_value(); });
    CHECK(why == Unanswered::refused_by_network);
  }

  TEST_CASE("marks every packet, over UDP and TCP, IPv4 and IPv6") {
    if (lacks_private_network()) return;
    for (const char* address : {"127.0.0.1", "::1"}) {
      Bench bench;
      std::ofstream("/proc/sys/net/ipv4/tcp_fwmark_accept") << "1";
      auto& server = bench.serve(
          [](ScriptedServer& self, const Asked& asked) {
            const bool udp = asked.over == Asked::Over::udp;
            self.send(asked, reply_to(asked, some_address,
                                      {.flags = dns::testing::good_reply | (udp ? 0x0200U : 0U)}));
          },
          address);
      auto options = Bench::options_for({});
      options.mark = some_mark;
      bench.open(options);
      CHECK(bench.fate_of("host.example").answered());
      REQUIRE(server.asked().size() == 2);
      if (server.asked()[0].mark)
        CHECK(server.asked()[0].mark == some_mark);
      else
        MESSAGE("skipped: this kernel does not report a datagram's mark");
      CHECK(server.asked()[1].mark == some_mark);
    }
  }

  TEST_CASE("sends nothing if it cannot set the mark") {
    if (lacks_private_network()) return;
    Bench bench;
    const auto& server = bench.serve(answer);
    auto options = Bench::options_for({server.server()});
    options.mark = some_mark;
    bench.open(options);
    {
      const WithoutNetAdmin without;
      CHECK(bench.ask("host.example")->why == Unanswered::unmarked);
      bench.settle();
      CHECK(server.asked().empty());

      const auto refused = AresUpstream::create(options, *bench.loop);
      REQUIRE_FALSE(refused);
      CHECK(refused.error().exit == Exit::not_permitted);
      CHECK(refused.error().message.contains("--cap-add=NET_ADMIN"));
    }
    CHECK(bench.fate_of("host.example").answered());
  }

  TEST_CASE("IDs and source ports cannot be predicted") {
    if (lacks_private_network()) return;
    Bench bench;
    const auto& server = bench.serve(answer);
    bench.open();
    for (int i = 0; i < 32; ++i) bench.fate_of("host.example");
    std::set<uint16_t> ids;
    std::set<uint16_t> ports;
    std::set<int> steps;
    for (size_t i = 0; i < server.asked().size(); ++i) {
      ids.insert(server.asked()[i].id());
      ports.insert(server.asked()[i].from_port);
      if (i > 0) steps.insert(server.asked()[i].id() - server.asked()[i - 1].id());
    }
    CHECK(ids.size() > 24);
    CHECK(steps.size() > 24);
    CHECK(ports.size() > 16);
  }

  TEST_CASE("ignores the environment and earlier replies") {
    if (lacks_private_network()) return;
    ::setenv("RES_OPTIONS", "timeout:9000 retrans:9000000 attempts:9 retry:9 rotate", 1);
    ::setenv("LOCALDOMAIN", "evil.example", 1);
    Bench bench;
    const auto& first = bench.serve([](ScriptedServer& self, const Asked& asked) {
      if (asked.name() != "silent") answer(self, asked);
    });
    const auto& second = bench.serve(stay_silent, "127.0.0.2");
    bench.open();
    ::unsetenv("RES_OPTIONS");
    ::unsetenv("LOCALDOMAIN");
    for (int i = 0; i < 5; ++i) CHECK(bench.fate_of("host").answered());
    CHECK(first.asked().size() == 5);
    for (const Asked& asked : first.asked()) CHECK(asked.name() == "host");
    CHECK(second.asked().empty());
    CHECK(bench.fate_in_silence("silent").why == Unanswered::timed_out);
    CHECK(first.asked().size() == 7);
  }

  TEST_CASE("needs a server that it can reach") {
    const auto loop = event::Loop::create().value();
    CHECK_FALSE(AresUpstream::create({}, *loop));
    const Server link_local = *parse_server("fe80::53%lo");
    const auto made = AresUpstream::create(Bench::options_for({link_local}), *loop);
    if (!AresUpstream::can_reach(link_local)) {
      REQUIRE_FALSE(made);
      CHECK(made.error().message.contains("[fe80::53%lo]:53"));
    }
  }

  TEST_CASE("leaks no descriptor over 10,000 questions") {
    if (lacks_private_network()) return;
    Bench bench;
    bench.serve(answer);
    const size_t without = open_descriptors();
    bench.open();
    bench.fate_of("host.example");
    REQUIRE(bench.loop->turn(0ms));
    const size_t before = open_descriptors();
    size_t answered = 0;
    for (int wave = 0; wave < 200; ++wave) {
      for (int i = 0; i < 50; ++i)
        bench.upstream->ask(question("host.example"), [&](const Reply& reply) { answered += reply ? 1 : 0; });
      const size_t expected = static_cast<size_t>(wave + 1) * 50;
      bench.run_until([&] { return answered == expected; });
    }
    CHECK(answered == 10'000);
    REQUIRE(bench.loop->turn(0ms));
    CHECK(open_descriptors() == before);
    bench.upstream.reset();
    CHECK(open_descriptors() == without);
  }
}
