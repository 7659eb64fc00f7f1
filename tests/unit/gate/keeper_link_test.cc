#include "gate/keeper_link.h"

#include <array>
#include <optional>

#include <doctest/doctest.h>
#include <sys/socket.h>

#include "fakes.h"
#include "net/hosts.h"
#include "ostiary/link/gate_channel.h"

using namespace ostiary;
using namespace ostiary::gate;
using namespace ostiary::gate::testing;
using ostiary::test::can_make_hosts;
using ostiary::test::Host;
using ostiary::test::On;

namespace {

// A gate's end of a channel, and the keeper's. The log of denied packets is one of a host without
// rules.
struct Linked {
  Linked() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
    ours = UniqueFd(ends[0]);
    keeper = UniqueFd(ends[1]);
    REQUIRE(link.start());
  }
  void command(Command command) { REQUIRE(ostiary::keeper::send(keeper.get(), render_command(command))); }
  void turn() { REQUIRE(loop->turn(0ms)); }
  // The message that the keeper receives. Nothing if none has arrived.
  std::optional<Message> received() const {
    char octet = 0;
    if (::recv(keeper.get(), &octet, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) return std::nullopt;
    return parse_message(ostiary::keeper::receive(keeper.get()).value().value());
  }

  const Host host;
  const On on{host};
  UniqueFd ours;
  UniqueFd keeper;
  TestGate gate{{rule("a.example")}};
  const std::unique_ptr<event::Loop> loop = event::Loop::create([this] { return gate.now; }).value();
  nft::DeniedLog log = nft::DeniedLog::open(5).value();
  DeniedService denied{*loop, log, gate.ledger, gate.recorder};
  KeeperLink link{*loop, ours, gate.recorder, gate.ledger, denied};
};

}  // namespace

TEST_SUITE("gate/keeper_link") {
  TEST_CASE("the loop stops when the keeper lets the gate begin, and when its end closes") {
    if (!can_make_hosts()) return;
    Linked linked;
    linked.command(Command::begin);
    CHECK(linked.loop->run());
    CHECK(linked.link.has_begun());
    linked.keeper.reset();
    CHECK(linked.loop->run());
  }

  TEST_CASE("a gate whose keeper ends early has not begun") {
    if (!can_make_hosts()) return;
    Linked linked;
    linked.keeper.reset();
    CHECK(linked.loop->run());
    CHECK_FALSE(linked.link.has_begun());
    linked.link.send({.kind = Message::Kind::ready});  // the keeper is gone, and nothing happens
  }

  TEST_CASE("admits again what another process has removed") {
    if (!can_make_hosts()) return;
    Linked linked;
    linked.gate.ask("a.example");
    linked.gate.upstream.answer({address_record("192.0.2.1")});
    linked.gate.kernel.flush();
    linked.gate.now += 600s;
    linked.command(Command::restore);
    linked.turn();
    CHECK(linked.gate.kernel.held() == "192.0.2.1 443/tcp 3000");
  }

  TEST_CASE("a kernel that refuses to admit again ends the loop with an error") {
    if (!can_make_hosts()) return;
    Linked linked;
    linked.gate.kernel.refuses = true;
    linked.command(Command::restore);
    CHECK_FALSE(linked.loop->run());
  }

  TEST_CASE("replies at the end of the self-test, and the agent causes later denials") {
    if (!can_make_hosts()) return;
    Linked linked;
    REQUIRE(linked.denied.start(InitialSets::empty));
    linked.gate.ask("first.test");
    CHECK_FALSE(linked.received());
    linked.command(Command::tested);
    linked.turn();
    const auto reply = linked.received();
    REQUIRE(reply);
    CHECK(reply->kind == Message::Kind::tested);
    linked.gate.ask("second.test");
    const auto denials = linked.gate.audited("deny");
    REQUIRE(denials.size() == 2);
    CHECK(denials[0]["by"] == "self-test");
    CHECK_FALSE(denials[1].contains("by"));
  }

  TEST_CASE("the audit continues in the file that the keeper passes") {
    if (!can_make_hosts()) return;
    Linked linked;
    linked.gate.ask("first.test");
    const AuditFile next;
    REQUIRE(ostiary::keeper::send_with_descriptor(linked.keeper.get(), render_command(Command::audit),
                                                  next.copy().get()));
    linked.turn();
    linked.gate.ask("second.test");
    CHECK(linked.gate.audited("deny").size() == 1);
    REQUIRE(next.events("deny").size() == 1);
    CHECK(next.events("deny")[0]["name"] == "second.test");
  }

  TEST_CASE("the audit has what precedes a message before the keeper has the message") {
    if (!can_make_hosts()) return;
    Linked linked;
    linked.gate.ask("first.test");
    CHECK(linked.gate.audit.events().empty());
    linked.link.send({.kind = Message::Kind::ready, .number = 3});
    CHECK(linked.gate.audit.events().size() == 1);
    const auto message = linked.received();
    REQUIRE(message);
    CHECK(message->kind == Message::Kind::ready);
    CHECK(message->number == 3);
  }
}
