// Starts made-up relays as copies of this process (StartMode::fork), over the listener at the relay's port in a
// network namespace of its own. The tests pass the time.

#include "boot/relay_helper.h"

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audited.h"
#include "net/hosts.h"
#include "ostiary/keeper/channel.h"
#include "ostiary/keeper/inherited.h"

using namespace ostiary;
using namespace ostiary::boot;
using namespace std::chrono_literals;
using ostiary::test::can_make_hosts;
using relay::Message;
using Strings = std::vector<std::string>;

namespace {

constexpr keeper::Helper::Time start{24h};

// ---- made-up relays

// The relay's end of the channel.
struct FakeRelay {
  static Result<FakeRelay> take() {
    namespace fd = relay::fd_name;
    std::vector<std::string_view> names{keeper::Inherited::channel, fd::credentials, fd::listener, fd::gate,
                                        fd::audit};
    names.insert(names.end(), fd::spools.begin(), fd::spools.end());
    names.insert(names.end(), fd::forwards.begin(), fd::forwards.end());
    auto inherited = TRY(keeper::Inherited::receive("test", names));
    FakeRelay made{.channel = inherited.take(keeper::Inherited::channel),
                   .setup = TRY(relay::parse_setup(inherited.setup())),
                   .credentials = TRY(relay::read_credentials(inherited.take(fd::credentials))),
                   .listener = inherited.take(fd::listener),
                   .gate = inherited.take(fd::gate),
                   .audit = inherited.take(fd::audit),
                   .first_spool = inherited.take(fd::spools[0]),
                   .second_spool = inherited.take(fd::spools[1]),
                   .forward = inherited.take(fd::forwards[0])};
    return made;
  }
  void send(const Message& message) const {
    (void)keeper::send_to_keeper(channel.get(), relay::render_message(message));
  }
  void hello() const { send({.kind = Message::Kind::hello}); }
  // The keeper's request to drain. An error if it asks for something else, or is gone.
  Result<relay::Drain> receive_drain() const {
    const auto octets = TRY(keeper::receive(channel.get()));
    const auto drain = octets ? relay::parse_drain(*octets) : std::nullopt;
    return drain ? Result<relay::Drain>(*drain) : fail(Exit::usage, "no request to drain");
  }
  // Until the keeper's end closes.
  Result<int> wait() const {
    while (TRY(keeper::receive(channel.get()))) {
    }
    return 0;
  }

  UniqueFd channel;
  relay::Setup setup;
  relay::Credentials credentials;
  UniqueFd listener;
  UniqueFd gate;
  UniqueFd audit;
  UniqueFd first_spool;
  UniqueFd second_spool;
  UniqueFd forward;
};

bool listens(const UniqueFd& socket) {
  int yes = 0;
  socklen_t size = sizeof yes;
  return ::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &yes, &size) == 0 && yes == 1;
}

Result<int> say_hello() {
  const FakeRelay relay = TRY(FakeRelay::take());
  relay.hello();
  return relay.wait();
}

// Ends with 0 only if it has everything.
Result<int> check_inheritance() {
  const FakeRelay relay = TRY(FakeRelay::take());
  const bool has_all = relay.setup.attributes.size() == 1 && relay.credentials.size() == 2 &&
                       relay.credentials[0].reveal() == "x-key: hunter2\r\n" && listens(relay.listener) &&
                       listens(relay.forward) && relay.audit.valid() && relay.first_spool.valid() &&
                       !relay.second_spool.valid() && keeper::send(relay.gate.get(), "to the gate");
  relay.hello();
  TRY(relay.wait());
  return has_all ? 0 : 3;
}

// Says what is in its spool, and adds to it.
Result<int> use_the_spool() {
  const FakeRelay relay = TRY(FakeRelay::take());
  const auto size = static_cast<uint32_t>(::lseek(relay.first_spool.get(), 0, SEEK_END));
  relay.hello();
  relay.send({.kind = Message::Kind::displaced, .number = size, .text = "c.example"});
  if (::write(relay.first_spool.get(), "12345", 5) != 5) return 3;
  return relay.wait();
}

Result<int> fail_at_once() {
  const FakeRelay relay = TRY(FakeRelay::take());
  relay.send(
      {.kind = Message::Kind::failed, .exit = Exit::configuration, .text = "/run/ca.pem: no certificate"});
  return 78;
}

Result<int> end_at_once() {
  return 3;
}

Result<int> send_no_message() {
  const FakeRelay relay = TRY(FakeRelay::take());
  (void)keeper::send_to_keeper(relay.channel.get(), "\xff");
  return relay.wait();
}

Result<int> report_everything() {
  using Kind = Message::Kind;
  const FakeRelay relay = TRY(FakeRelay::take());
  relay.hello();
  for (const Message& each :
       std::vector<Message>{{.kind = Kind::delivered, .text = "c.example", .reason = "a warning"},
                            {.kind = Kind::delivered, .text = "d.example"},
                            {.kind = Kind::delayed, .text = "c.example", .reason = "HTTP 503"},
                            {.kind = Kind::refused, .number = 1, .text = "c.example", .reason = "HTTP 401"},
                            {.kind = Kind::rejected, .number = 5, .text = "c.example", .reason = "too old"},
                            {.kind = Kind::left_out, .number = 1, .text = "c.example", .reason = "no amount"},
                            {.kind = Kind::forgotten, .number = 7, .text = "c.example", .reason = "too many"},
                            {.kind = Kind::displaced, .number = 2, .text = "c.example"},
                            {.kind = Kind::recovered, .number = 1, .text = "c.example"},
                            {.kind = Kind::recovered, .number = 12, .text = "d.example"},
                            {.kind = Kind::damaged, .number = 4096, .text = "c.example"},
                            {.kind = Kind::unserved,
                             .number = 3,
                             .text = "Claude's API",
                             .reason = "GET /x: the operator does not allow this path"},
                            {.kind = Kind::served, .number = 4711, .status = SIGKILL},
                            {.kind = Kind::failed, .text = "no process left"},
                            {.kind = Kind::drained, .number = 3}})
    relay.send(each);
  (void)keeper::send_to_keeper(relay.channel.get(), "\xff");
  return relay.wait();
}

// Delivers what is left, but one.
Result<int> drain_at_once() {
  const FakeRelay relay = TRY(FakeRelay::take());
  relay.hello();
  const relay::Drain drain = TRY(relay.receive_drain());
  (void)keeper::send_to_keeper(relay.channel.get(), "\xff");
  relay.send({.kind = Message::Kind::refused, .number = 1, .text = "c.example", .reason = "HTTP 400"});
  relay.send({.kind = Message::Kind::drained, .number = static_cast<uint32_t>(drain.time_limit.count())});
  return relay.wait();
}

Result<int> drain_without_rest() {
  const FakeRelay relay = TRY(FakeRelay::take());
  relay.hello();
  TRY(relay.receive_drain());
  relay.send({.kind = Message::Kind::drained, .number = 0});
  return relay.wait();
}

Result<int> end_at_the_drain() {
  const FakeRelay relay = TRY(FakeRelay::take());
  relay.hello();
  TRY(relay.receive_drain());
  return 3;
}

// ---- the keeper

constexpr int request = SIGUSR2;

plan::Relay made_up_plan(std::string spool_directory) {
  plan::Relay plan;
  plan.spool_directory = std::move(spool_directory);
  plan.setup.attributes = {{.name = "team", .value = "a"}};
  const relay::ServerAddress server{
      .scheme = inet::Scheme::https,
      .destination = {.host = inet::parse_host("c.example").value(), .port = 443}};
  plan.setup.collectors.push_back({.server = server, .authority = "c.example"});
  plan.setup.forwards.push_back(
      {.name = "Claude's API", .port = 15355, .server = server, .authority = "c.example"});
  plan.credentials.emplace_back("x-key: hunter2\r\n");
  plan.credentials.emplace_back("x-api-key: hunter2\r\n");
  return plan;
}

// The keeper's end, with an audit of its own, on a host of its own: there the relay's port is free.
class Keeper {
 public:
  explicit Keeper(Result<int> (*run)(), std::string directory = {}, UniqueFd spool = {})
      : requests(block_request()), plan(made_up_plan(std::move(directory))) {
    REQUIRE(audited.trail.copy_to_relay());
    std::vector<UniqueFd> spools;
    if (spool.valid()) spools.push_back(std::move(spool));
    auto made = RelayHelper::create({.description = {.name = "relay",
                                                     .process_name = "test",
                                                     .user = 0,
                                                     .profile = confine::HelperProfile::relay,
                                                     .max_deaths = 2,
                                                     .while_absent = "telemetry waits"},
                                     .code = {.run = run},
                                     .modes = {keeper::StartMode::fork, keeper::StartMode::fork},
                                     .plan = plan,
                                     .audit = audited.trail,
                                     .spools = std::move(spools)});
    REQUIRE_MESSAGE(made, error_of(made));
    relay = *std::move(made);
  }
  ~Keeper() {
    relay->end();
    timespec now{};
    sigset_t pending;
    sigemptyset(&pending);
    sigaddset(&pending, request);
    ::sigtimedwait(&pending, nullptr, &now);
    ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
  }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  Result<> begin() {
    TRY(relay->start());
    return relay->await();
  }
  // Waits for the relay's next message, and passes it on.
  Result<> serve() {
    pollfd readable{.fd = relay->helper().fd(), .events = POLLIN, .revents = 0};
    REQUIRE(::poll(&readable, 1, 5000) == 1);
    return relay->helper().serve(start);
  }
  int reap() {
    int status = 0;
    REQUIRE(::waitpid(relay->helper().process(), &status, 0) == relay->helper().process());
    CHECK(relay->helper().on_end(status, start));
    return status;
  }

 private:
  event::Signals block_request() {
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, request);
    ::sigprocmask(SIG_BLOCK, &blocked, &mask_before_);
    auto signals = event::Signals::only({request});
    REQUIRE(signals);
    return *std::move(signals);
  }

  sigset_t mask_before_{};

 public:
  const test::Host host;
  const test::On on{host};
  boot::testing::Audited audited;
  event::Signals requests;
  const plan::Relay plan;
  std::unique_ptr<RelayHelper> relay;
};

// Collects what is written to standard error while it exists.
class Logged {
 public:
  Logged() : before_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    read_ = UniqueFd(ends[0]);
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[1]);
  }
  Logged(const Logged&) = delete;
  Logged& operator=(const Logged&) = delete;
  ~Logged() { ::dup2(before_.get(), STDERR_FILENO); }

  std::string text() {
    std::array<char, 4096> octets{};
    for (ssize_t got = 0; (got = ::read(read_.get(), octets.data(), octets.size())) > 0;)
      text_.append(octets.data(), static_cast<size_t>(got));
    return text_;
  }

 private:
  UniqueFd before_;
  UniqueFd read_;
  std::string text_;
};

}  // namespace

TEST_SUITE("boot/relay_helper") {
  TEST_CASE(
      "a relay begins when it says hello, and has its setup, credentials, listener and way to the gate") {
    if (!can_make_hosts()) return;
    Keeper keeper(check_inheritance);
    const auto begun = keeper.begin();
    REQUIRE_MESSAGE(begun, error_of(begun));
    CHECK(keeper.relay->helper().has_begun());
    CHECK(keeper.audited.names() == Strings{"relay_started"});
    CHECK(keeper::receive(keeper.relay->gates_end()).value() == "to the gate");
    const pid_t process = keeper.relay->helper().process();
    ::shutdown(keeper.relay->helper().fd(), SHUT_WR);
    int status = 0;
    REQUIRE(::waitpid(process, &status, 0) == process);
    CHECK(status == 0);
  }

  TEST_CASE("a relay that fails, ends or says something else does not begin, and is not reported") {
    if (!can_make_hosts()) return;
    {
      Keeper failing(fail_at_once);
      const auto failed = failing.begin();
      CHECK(error_of(failed) == "/run/ca.pem: no certificate");
      CHECK(status_of(failed) == 78);
      CHECK(failing.audited.names().empty());
    }
    {
      Keeper ending(end_at_once);
      CHECK(error_of(ending.begin()) == "the relay ended before it began");
      CHECK(ending.audited.names().empty());
    }
    Keeper wrong(send_no_message);
    CHECK(error_of(wrong.begin()) == "the relay sent a malformed message");
    CHECK(wrong.audited.names().empty());
  }

  TEST_CASE("the listener is taken if another process has the relay's port") {
    if (!can_make_hosts()) return;
    Keeper keeper(say_hello);
    const auto second = RelayHelper::create(
        {.code = {.run = say_hello}, .modes = {}, .plan = keeper.plan, .audit = keeper.audited.trail});
    CHECK(status_of(second) == 69);
    CHECK(error_of(second).contains("15354"));
  }

  TEST_CASE("what becomes of telemetry is logged, and a death of the serving process is audited") {
    if (!can_make_hosts()) return;
    Keeper keeper(report_everything);
    REQUIRE(keeper.begin());
    Logged logged;
    for (int message = 0; message < 14; ++message) CHECK(keeper.serve());
    const std::string text = logged.text();
    for (const char* line :
         {"telemetry arrives at c.example: a warning\n", "telemetry arrives at d.example\n",
          "telemetry waits for c.example: HTTP 503\n", "c.example refused 1 request of telemetry: HTTP 401\n",
          "c.example rejected 5 records: too old\n",
          "1 point of the agent's metrics for c.example was left out: no amount\n",
          "7 sums of the agent's metrics for c.example were given up: too many\n",
          "2 requests of telemetry for c.example were given up: the queue is full\n",
          "1 request of telemetry from before waits for c.example\n",
          "12 requests of telemetry from before wait for d.example\n",
          "the queue of telemetry for c.example is damaged: 4096 octets were given up\n",
          "3 requests for Claude's API were not forwarded: GET /x: the operator does not allow this path\n",
          "the relay ended with signal 9: telemetry waits until it is back\n", "no process left\n"}) {
      CAPTURE(text);
      CHECK(text.contains(line));
    }
    CHECK(std::ranges::count(text, '\n') == 14);
    CHECK(keeper.audited.names() == Strings{"relay_started", "relay_died"});
    CHECK(keeper.audited.events()[1]["process"] == 4711);
    CHECK(keeper.relay->helper().has_begun());
  }

  TEST_CASE("a relay that died is started again, and serves when it has said hello") {
    if (!can_make_hosts()) return;
    Keeper keeper(say_hello);
    REQUIRE(keeper.begin());
    REQUIRE(::kill(keeper.relay->helper().process(), SIGKILL) == 0);
    keeper.reap();
    REQUIRE(keeper.relay->helper().serve(start));
    CHECK_FALSE(keeper.relay->helper().has_begun());
    REQUIRE(keeper.serve());
    CHECK(keeper.relay->helper().has_begun());
    CHECK(keeper.audited.names() ==
          Strings{"relay_started", "relay_died", "relay_started", "relay_restarted"});
  }

  TEST_CASE("what a relay left in its spool is there for the next one") {
    if (!can_make_hosts()) return;
    Keeper keeper(use_the_spool);
    REQUIRE(keeper.begin());
    Logged logged;
    REQUIRE(keeper.serve());
    ::shutdown(keeper.relay->helper().fd(), SHUT_WR);
    CHECK(keeper.reap() == 0);
    REQUIRE(keeper.relay->helper().serve(start));
    REQUIRE(keeper.serve());
    REQUIRE(keeper.serve());
    const std::string text = logged.text();
    CAPTURE(text);
    CHECK(text.contains("0 requests of telemetry for c.example were given up"));
    CHECK(text.contains("5 requests of telemetry for c.example were given up"));
  }

  TEST_CASE("a relay that is started again and sends a malformed message first is an error") {
    if (!can_make_hosts()) return;
    Keeper keeper(send_no_message);
    REQUIRE(keeper.relay->start());
    CHECK(error_of(keeper.serve()) == "the relay sent a malformed message");
  }

  TEST_CASE("a drain ends with the relay's answer, and what was not delivered is logged") {
    if (!can_make_hosts()) return;
    Keeper keeper(drain_at_once);
    REQUIRE(keeper.begin());
    Logged logged;
    keeper.relay->drain(7ms, keeper.requests);
    const std::string text = logged.text();
    CAPTURE(text);
    CHECK(text.contains("c.example refused 1 request of telemetry: HTTP 400\n"));
    CHECK(text.contains("7 requests of telemetry were not delivered in time: lost\n"));
  }

  TEST_CASE("telemetry in a directory is not lost at the end, and the log says where it is") {
    if (!can_make_hosts()) return;
    const auto text_of_drain = [](Result<int> (*run)()) {
      Keeper keeper(run, "/spool");
      REQUIRE(keeper.begin());
      Logged logged;
      keeper.relay->drain(7ms, keeper.requests);
      return logged.text();
    };
    CHECK(text_of_drain(drain_at_once)
              .contains(
                  "7 requests of telemetry were not delivered in time: kept in /spool for the next start\n"));
    CHECK(text_of_drain(end_at_the_drain)
              .contains("telemetry that it still has is kept in /spool for the next start\n"));
    Keeper keeper(say_hello, "/spool");
    REQUIRE(keeper.begin());
    Logged logged;
    REQUIRE(::raise(request) == 0);
    keeper.relay->drain(1h, keeper.requests);
    CHECK(logged.text().contains("what the relay still has is kept in /spool for the next start\n"));
  }

  TEST_CASE("a relay gets the file of its queue if there is one, and a memory file otherwise") {
    if (!can_make_hosts()) return;
    UniqueFd file{::memfd_create("given", MFD_CLOEXEC)};
    REQUIRE(::pwrite(file.get(), "0123456789", 10, 0) == 10);
    Keeper keeper(use_the_spool, {}, std::move(file));
    REQUIRE(keeper.begin());
    Logged logged;
    REQUIRE(keeper.serve());
    CHECK(logged.text().contains("10 requests of telemetry for c.example were given up"));
  }

  TEST_CASE("a drain that leaves nothing logs nothing") {
    if (!can_make_hosts()) return;
    Keeper keeper(drain_without_rest);
    REQUIRE(keeper.begin());
    Logged logged;
    keeper.relay->drain(5s, keeper.requests);
    CHECK(logged.text().empty());
  }

  TEST_CASE("a relay that does not answer a drain has a second beyond the time that it was given") {
    if (!can_make_hosts()) return;
    Keeper keeper(say_hello);
    REQUIRE(keeper.begin());
    Logged logged;
    const auto before = std::chrono::steady_clock::now();
    keeper.relay->drain(10ms - 1s, keeper.requests);
    CHECK(std::chrono::steady_clock::now() - before >= 10ms);
    CHECK(logged.text().contains("the relay does not answer: telemetry that it still has is lost"));
  }

  TEST_CASE("a drain ends with a request to end, and with the relay") {
    if (!can_make_hosts()) return;
    const auto before = std::chrono::steady_clock::now();
    {
      Keeper keeper(say_hello);
      REQUIRE(keeper.begin());
      REQUIRE(::raise(request) == 0);
      keeper.relay->drain(1h, keeper.requests);
    }
    {
      Keeper keeper(end_at_the_drain);
      REQUIRE(keeper.begin());
      keeper.relay->drain(1h, keeper.requests);
    }
    {
      Keeper keeper(say_hello);
      keeper.relay->drain(1h, keeper.requests);  // it has not begun
    }
    CHECK(std::chrono::steady_clock::now() - before < 60s);
  }
}
