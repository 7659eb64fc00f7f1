// Starts made-up gates as copies of this process (StartMode::fork). The tests pass the time.

#include "boot/gate_helper.h"

#include <chrono>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "audited.h"
#include "ostiary/keeper/inherited.h"
#include "ostiary/link/gate_channel.h"

using namespace ostiary;
using namespace ostiary::boot;
using namespace std::chrono_literals;
using gate::Command;
using gate::Message;
using Strings = std::vector<std::string>;

namespace {

constexpr keeper::Helper::Time start{24h};

// ---- made-up gates

// The gate's end of the channel.
struct FakeGate {
  static Result<FakeGate> take() {
    namespace fd = gate::fd_name;
    auto inherited = TRY(keeper::Inherited::receive(
        "test", {keeper::Inherited::channel, fd::udp4, fd::udp6, fd::tcp4, fd::tcp6, fd::direct_udp4,
                 fd::direct_udp6, fd::audit, fd::audit_for_relay, fd::wildcard_count, fd::relay}));
    return FakeGate{.channel = inherited.take(keeper::Inherited::channel),
                    .setup = TRY(gate::parse_setup(inherited.setup()))};
  }
  bool is_first() const { return setup.initial_sets == gate::InitialSets::empty; }
  void send(const Message& message) const {
    (void)keeper::send_to_keeper(channel.get(), gate::render_message(message));
  }
  Result<> wait_for(Command command) const {
    const auto received = TRY(gate::receive_command(channel.get()));
    return received && received->command == command ? Result<>{} : fail(Exit::usage, "an unexpected command");
  }

  UniqueFd channel;
  gate::Setup setup;
};

constexpr int status_when_restored = 40;

// Serves until the channel ends, or until it is to restore its admissions.
Result<int> obey(const FakeGate& gate) {
  while (const auto received = TRY(gate::receive_command(gate.channel.get()))) {
    if (received->command == Command::restore) return status_when_restored;
    if (received->command == Command::tested) gate.send({.kind = Message::Kind::tested});
  }
  return 0;
}

Result<int> resolve_the_plan() {
  const FakeGate gate = TRY(FakeGate::take());
  gate.send({.kind = Message::Kind::hello, .number = gate.is_first() ? 7U : 8U});
  TRY(gate.wait_for(Command::begin));
  if (gate.is_first()) {
    gate.send({.kind = Message::Kind::admitted, .text = "192.0.2.1", .reason = "good.example"});
    gate.send({.kind = Message::Kind::full});
    TRY(gate.wait_for(Command::audit));
    gate.send({.kind = Message::Kind::unresolved, .text = "gone.example", .reason = "did not resolve"});
    gate.send(
        {.kind = Message::Kind::withheld, .text = "db.example", .reason = "has private addresses only"});
    gate.send({.kind = Message::Kind::ready, .number = 1});
  }
  return obey(gate);
}

Result<int> say_hello_only() {
  const FakeGate gate = TRY(FakeGate::take());
  gate.send({.kind = Message::Kind::hello, .number = 7});
  return obey(gate);
}

Result<int> fail_at_once() {
  const FakeGate gate = TRY(FakeGate::take());
  gate.send({.kind = Message::Kind::failed, .exit = Exit::not_permitted, .text = "not confined"});
  return 77;
}

Result<int> fail_when_started_again() {
  const FakeGate gate = TRY(FakeGate::take());
  if (!gate.is_first()) {
    gate.send({.kind = Message::Kind::failed, .exit = Exit::not_permitted, .text = "not confined"});
    return 77;
  }
  gate.send({.kind = Message::Kind::hello, .number = 7});
  gate.send({.kind = Message::Kind::ready});
  return obey(gate);
}

Result<int> end_at_once() {
  return 3;
}

Result<int> begin_with_another_message() {
  const FakeGate gate = TRY(FakeGate::take());
  gate.send({.kind = Message::Kind::ready});
  return obey(gate);
}

// ---- the keeper

constexpr int request = SIGUSR2;

// The keeper's end, with an audit of its own.
class Keeper {
 public:
  explicit Keeper(Result<int> (*run)()) : requests(block_request()) {
    auto made = GateHelper::create({.description = {.name = "gate",
                                                    .process_name = "test",
                                                    .user = 0,
                                                    .profile = confine::HelperProfile::gate,
                                                    .max_deaths = 2,
                                                    .while_absent = "nothing new resolves"},
                                    .run = run,
                                    .modes = {keeper::StartMode::fork, keeper::StartMode::fork},
                                    .setup = {},
                                    .listeners = listeners,
                                    .audit = audited.trail,
                                    .expect_changes_from = [this](uint32_t port) { ports.push_back(port); }});
    REQUIRE_MESSAGE(made, error_of(made));
    gate = *std::move(made);
  }
  ~Keeper() {
    gate->end();
    ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
  }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  Result<Resolution> begin() { return gate->start(requests); }

  // Reaps the gate, as a supervisor does. Returns its wait status.
  int reap() {
    int status = 0;
    REQUIRE(::waitpid(gate->process(), &status, 0) == gate->process());
    CHECK(gate->helper().on_end(status, start));
    return status;
  }
  void kill_and_reap() {
    REQUIRE(::kill(gate->process(), SIGKILL) == 0);
    reap();
  }
  // Waits for the gate's next message, and passes it on.
  Result<> serve() {
    pollfd readable{.fd = gate->helper().fd(), .events = POLLIN, .revents = 0};
    REQUIRE(::poll(&readable, 1, 5000) == 1);
    return gate->helper().serve(start);
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
  boot::testing::Audited audited;
  event::Signals requests;
  gate::Listeners listeners;
  std::vector<uint32_t> ports;
  std::unique_ptr<GateHelper> gate;
};

}  // namespace

TEST_SUITE("boot/gate_helper") {
  TEST_CASE("the gate resolves the plan's names, with the rules expecting its changes") {
    Keeper keeper(resolve_the_plan);
    const auto names = keeper.begin();
    REQUIRE_MESSAGE(names, error_of(names));
    CHECK(names->resolved == 1);
    REQUIRE(names->admitted.size() == 1);
    CHECK(names->admitted[0].text() == "192.0.2.1");
    REQUIRE(names->unopened.size() == 2);
    CHECK(names->unopened[0].kind == Resolution::Unopened::Kind::unresolved);
    CHECK(names->unopened[0].name == "gone.example");
    CHECK(names->unopened[1].kind == Resolution::Unopened::Kind::withheld);
    CHECK(names->unopened[1].why == "has private addresses only");
    CHECK(keeper.ports == std::vector<uint32_t>{7});
    CHECK(keeper.audited.names() == Strings{"gate_started"});
    CHECK(keeper.gate->end_self_test());
  }

  TEST_CASE("a request to end stops the wait for the names") {
    Keeper keeper(say_hello_only);
    REQUIRE(::raise(request) == 0);
    const auto names = keeper.begin();
    REQUIRE_MESSAGE(names, error_of(names));
    CHECK(names->resolved == 0);
    CHECK(keeper.requests.next(start));
  }

  TEST_CASE("a first gate that fails, ends or says something else is an error, and no gate is reported") {
    Keeper failing(fail_at_once);
    const auto failed = failing.begin();
    CHECK(error_of(failed) == "not confined");
    CHECK(status_of(failed) == 77);
    Keeper ending(end_at_once);
    CHECK(error_of(ending.begin()) == "the gate ended before it began");
    Keeper wrong(begin_with_another_message);
    CHECK(error_of(wrong.begin()) == "the gate sent no hello");
    for (const Keeper* keeper : {&failing, &ending, &wrong}) {
      CHECK(keeper->ports.empty());
      CHECK(keeper->audited.names().empty());
    }
  }

  TEST_CASE("a gate that died is started again, and serves when it has said hello") {
    Keeper keeper(resolve_the_plan);
    REQUIRE(keeper.begin());
    keeper.kill_and_reap();
    CHECK(keeper.audited.names() == Strings{"gate_started", "gate_died"});
    REQUIRE(keeper.gate->helper().serve(start));
    CHECK(keeper.audited.names() == Strings{"gate_started", "gate_died"});
    REQUIRE(keeper.serve());
    CHECK(keeper.ports == std::vector<uint32_t>{7, 8});
    CHECK(keeper.audited.names() == Strings{"gate_started", "gate_died", "gate_started", "gate_restarted"});
    CHECK(keeper.audited.events()[3]["process"] == keeper.gate->process());
  }

  TEST_CASE("a gate admits again when the rules are put back, but not before the rules expect its changes") {
    Keeper keeper(resolve_the_plan);
    REQUIRE(keeper.begin());
    keeper.kill_and_reap();
    REQUIRE(keeper.gate->helper().serve(start));
    keeper.gate->readmit();
    REQUIRE(keeper.serve());
    keeper.gate->readmit();
    CHECK(keeper.reap() == W_EXITCODE(status_when_restored, 0));
  }

  TEST_CASE("a gate that fails when it is started again has died, and does not end the agent") {
    Keeper keeper(fail_when_started_again);
    REQUIRE(keeper.begin());
    keeper.kill_and_reap();
    REQUIRE(keeper.gate->helper().serve(start));
    CHECK(keeper.serve());
    keeper.reap();
    CHECK(keeper.audited.names() == Strings{"gate_started", "gate_died", "gate_died"});
    CHECK(keeper.audited.events()[2]["status"] == 77);
    CHECK(keeper.ports == std::vector<uint32_t>{7});
  }
}
