#include "gate/name_check.h"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "fakes.h"
#include "ostiary/tls/retry.h"
#include "tls/hello.h"

using namespace ostiary;
using namespace ostiary::gate;
using namespace ostiary::gate::testing;
using namespace ostiary::tls::testing;
using nft::FlowState;
using nft::WaitingPacket;

namespace {

inet::IpAddress address(std::string_view text) {
  return inet::IpAddress::parse(text).value();
}

std::string hello_for(std::string_view host) {
  return record(hello({server_name(host), extension(43, "abc")}));
}

std::string server_hello(std::string_view random) {
  return record("\x02" + vector(3, "\x03\x03" + std::string(random) + std::string(40, 'e')));
}
const std::string any_random(32, 'r');
const std::string random_of_retry(tls::random_of_retry.begin(), tls::random_of_retry.end());
const std::string change_cipher_spec("\x14\x03\x03\x00\x01\x01", 6);
std::string early_data(size_t size) {
  return "\x17\x03\x03" + vector(2, std::string(size, 'd'));
}

constexpr uint32_t first_sequence = 0xfffffff0;  // soon 0 again
constexpr uint32_t servers_sequence = 7000;

// One flow to 192.0.2.1:443, which is admitted for two names of the policy, and the gate beside it.
struct Waiting {
  explicit Waiting(std::vector<policy::Rule> rules = {rule("a.example"), rule("b.example"), rule("c.example"),
                                                      rule("*.wild.example")},
                   tls::EncryptedHello encrypted = tls::EncryptedHello::refused)
      : policy(policy::Policy::compile(rules)),
        check({.judge = judge, .rules = {policy, ledger}, .recorder = recorder}, encrypted) {
    admit("a.example", "192.0.2.1");
    admit("b.example", "192.0.2.1");
    admit("c.example", "192.0.2.3");
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  void admit(std::string_view name, std::string_view at) {
    const std::vector<inet::IpAddress> addresses{address(at)};
    (void)ledger.admit(name, addresses, policy.decide(name).grants, 600s, now);
  }

  WaitingPacket packet(WaitingPacket::From from, uint32_t sequence, std::string_view data) {
    return {.id = ++last_id,
            .from = from,
            .connection = connection,
            .sequence = sequence,
            .acknowledged = from == WaitingPacket::From::agent ? servers_sequence : acknowledged,
            .data = octets_of(data),
            .uid = 1000};
  }
  std::string take(const WaitingPacket& packet) {
    check.take(packet, now);
    return judge.take();
  }
  std::string begin(std::string_view data = {}) {
    auto syn = packet(WaitingPacket::From::agent, first_sequence - 1, data);
    syn.begins = true;
    return take(syn);
  }
  // `at` octets after the stream's first. The server has what was sent when it answers.
  std::string send(std::string_view data, size_t at = 0) {
    const auto sequence = first_sequence + static_cast<uint32_t>(at);
    const auto sent = sequence + static_cast<uint32_t>(data.size());
    if (static_cast<int32_t>(sent - acknowledged) > 0) acknowledged = sent;
    return take(packet(WaitingPacket::From::agent, sequence, data));
  }
  std::string answer(std::string_view data, size_t at = 0) {
    return take(packet(WaitingPacket::From::server, servers_sequence + static_cast<uint32_t>(at), data));
  }
  std::string denied() { return last_denial(recorder, audit, "tls"); }
  // Of a whole flow with this hello. "permitted", or why it was refused.
  std::string outcome(std::string_view stream) {
    begin();
    send(stream);
    const std::string told = answer(server_hello(any_random));
    return told.contains("permit") ? "permitted" : denied();
  }

  Time now = start;
  FakeKernel kernel{now};
  AuditFile audit;
  policy::Policy policy;
  Ledger ledger{kernel, InitialSets::empty};
  Recorder recorder{audit.journal()};
  FakeJudge judge;
  NameCheck check;
  inet::Connection connection{address("10.0.0.2"), address("192.0.2.1"), 40000, 443};
  uint32_t acknowledged = first_sequence;  // by the server
  uint32_t last_id = 0;
};

}  // namespace

TEST_SUITE("gate/name_check") {
  TEST_CASE("a flow goes on when the server has answered a hello with an allowed name") {
    Waiting flow;
    CHECK(flow.begin() == "begin, pass 1");
    CHECK(flow.send(hello_for("a.example")) == "pass 2");
    CHECK(flow.check.size() == 1);
    CHECK(flow.answer(server_hello(any_random)) == "pass 3, permit");
    CHECK(flow.check.size() == 0);
    CHECK(flow.denied() == "none");
  }

  TEST_CASE("which names are allowed") {
    CHECK(Waiting().outcome(hello_for("A.Example")) == "permitted");
    CHECK(Waiting().outcome(hello_for("b.example")) == "permitted");  // also admitted at this address
    CHECK(Waiting().outcome(hello_for("c.example")) == "c.example: not-admitted");
    CHECK(Waiting().outcome(hello_for("x.wild.example")) == "x.wild.example: not-admitted");
    CHECK(Waiting().outcome(hello_for("evil.example")) == "evil.example: no-rule");
    CHECK(Waiting().outcome(hello_for("x.a.example")) == "x.a.example: no-rule");
    CHECK(Waiting().outcome(record(hello({}))) == "no-name");
    CHECK(Waiting().outcome(hello_for("192.0.2.1")) == "no-host-name");
    CHECK(Waiting().outcome("GET / HTTP/1.1\r\n") == "not-tls");
    CHECK(Waiting({rule("a.example:80")}).outcome(hello_for("a.example")) == "a.example: no-rule");
  }

  TEST_CASE("an address that the ledger does not know may have each name of the policy") {
    Waiting flow;
    flow.connection.remote = address("192.0.2.77");
    CHECK(flow.outcome(hello_for("c.example")) == "permitted");
    Waiting other;
    other.connection.remote = address("192.0.2.77");
    CHECK(other.outcome(hello_for("evil.example")) == "evil.example: no-rule");
  }

  TEST_CASE("an encrypted hello is refused unless it is allowed") {
    const std::string stream = record(hello({server_name("a.example"), extension(0xfe0d, "x")}));
    CHECK(Waiting().outcome(stream) == "encrypted");
    CHECK(Waiting({rule("a.example")}, tls::EncryptedHello::ignored).outcome(stream) == "permitted");
  }

  TEST_CASE("a private address takes a rule that says so") {
    const auto outcome = [](policy::Answers answers) {
      Waiting flow({rule("a.example", answers)});
      flow.connection.remote = address("10.0.0.7");
      return flow.outcome(hello_for("a.example"));
    };
    CHECK(outcome(policy::Answers::private_too) == "permitted");
    CHECK(outcome(policy::Answers::public_only) == "a.example: no-rule");
  }

  TEST_CASE("the rules reset a refused flow, and drop what else waits") {
    Waiting flow;
    flow.begin();
    CHECK(flow.send(hello_for("evil.example")) == "refuse, reset 2");
    CHECK(flow.check.size() == 0);
  }

  TEST_CASE("in a flow that the kernel has forgotten nothing passes") {
    Waiting flow;
    flow.begin();
    flow.judge.has_flow = false;
    CHECK(flow.send(hello_for("evil.example")) == "refuse, drop 2");
    Waiting other;
    other.begin();
    other.send(hello_for("a.example"));
    other.judge.has_flow = false;
    CHECK(other.send(early_data(10), hello_for("a.example").size()).empty());
    CHECK(other.answer(server_hello(any_random)) == "pass 4, permit, drop 3");
  }

  TEST_CASE("a hello in pieces passes but for a name that is not allowed") {
    for (const std::string_view host : {"evil.example", "a.example"}) {
      const std::string stream = hello_for(host);
      for (const size_t size : {size_t{1}, size_t{2}, size_t{30}, stream.size() - 1}) {
        Waiting flow;
        flow.begin();
        std::string passed;
        std::string last;
        for (size_t at = 0; at < stream.size() && !last.contains("refuse"); at += size) {
          last = flow.send(std::string_view(stream).substr(at, size), at);
          passed += last.contains("pass") ? stream.substr(at, size) : "";
        }
        CHECK_MESSAGE(last.contains("refuse") == (host == "evil.example"), size);
        if (host == "evil.example") CHECK_FALSE(passed.contains("e"));
      }
    }
  }

  TEST_CASE("a name that waited for long is dropped, and passes when it comes again after the rest") {
    const std::string stream = hello_for("a.example");
    const size_t within = stream.find("example");
    Waiting flow;
    flow.begin();
    CHECK(flow.send(stream.substr(0, within)).empty());
    CHECK(flow.check.due() == start + limits::hold_time);
    flow.now += limits::hold_time;
    flow.check.expire(flow.now);
    CHECK(flow.judge.take() == "drop 2");
    CHECK(flow.send(stream.substr(0, within)) == "drop 3");
    CHECK(flow.send(stream.substr(within), within) == "pass 4");
    CHECK(flow.send(stream.substr(0, within)) == "pass 5");
    CHECK(flow.answer(server_hello(any_random)) == "pass 6, permit");
  }

  TEST_CASE("what shows in an unfinished hello is refused at once") {
    const auto refused = [](std::string_view begun) {
      Waiting flow;
      flow.begin();
      return flow.send(begun).starts_with("refuse") ? flow.denied() : "none";
    };
    const std::string twice =
        record(hello({server_name("a.example"), server_name("evil.example"), extension(1, "x")}));
    CHECK(refused(twice.substr(0, twice.size() - 1)) == "extension-twice");
    const std::string encrypted = record(hello({extension(0xfe0d, "x"), server_name("a.example")}));
    CHECK(refused(encrypted.substr(0, encrypted.size() - 1)) == "encrypted");
    std::string longer = hello_for("a.example");
    longer[8] = static_cast<char>(longer[8] + 1);  // the message's length
    CHECK(refused(longer.substr(0, longer.size() - 1)) == "malformed");
    const std::string whole = hello_for("evil.example");
    CHECK(refused(whole.substr(0, whole.size() - 1)) == "evil.example: no-rule");
  }

  TEST_CASE("data behind a gap is dropped, data that came before is compared") {
    const std::string stream = hello_for("a.example");
    Waiting flow;
    flow.begin();
    CHECK(flow.send(stream.substr(10), 10) == "drop 2");
    CHECK(flow.send(stream.substr(0, 10)) == "pass 3");
    CHECK(flow.send(stream.substr(0, 10)) == "pass 4");
    CHECK(flow.send(stream.substr(5, 20), 5) == "pass 5");
    CHECK(flow.send(stream.substr(0, 4), static_cast<size_t>(-1)) == "drop 6");
    CHECK(flow.send(stream.substr(20), 20) == "pass 7");
    CHECK(flow.send(stream) == "pass 8");
    std::string other = stream;
    other.back() = static_cast<char>(other.back() ^ 1);
    CHECK(flow.send(other) == "refuse, reset 9");
    CHECK(flow.denied() == "a.example: changed");
  }

  TEST_CASE("what was judged is compared until the server has it") {
    const std::string first = hello_for("a.example");
    const std::string second = hello_for("a.example");
    Waiting flow;
    flow.begin();
    flow.send(first);
    flow.acknowledged = first_sequence + static_cast<uint32_t>(first.size()) - 1;
    CHECK(flow.answer(server_hello(any_random)) == "pass 3");  // it cannot have read the hello
    flow.acknowledged = first_sequence + static_cast<uint32_t>(first.size());
    CHECK(flow.answer(server_hello(random_of_retry)) == "pass 4");
    CHECK(flow.send(second, first.size()) == "pass 5");
    flow.acknowledged = first_sequence + static_cast<uint32_t>(first.size());
    CHECK(flow.answer("", server_hello(random_of_retry).size()) == "pass 6");
    std::string other = second;
    other.back() = static_cast<char>(other.back() ^ 1);
    CHECK(flow.send(other, first.size()) == "refuse, reset 7");
    CHECK(flow.denied() == "a.example: changed");
  }

  TEST_CASE("what follows the hello waits for the server") {
    const std::string stream = hello_for("a.example");
    Waiting flow;
    flow.begin();
    flow.send(stream);
    CHECK(flow.send(change_cipher_spec, stream.size()).empty());
    CHECK(flow.send(early_data(100), stream.size() + change_cipher_spec.size()).empty());
    CHECK(flow.send(early_data(100), stream.size() + change_cipher_spec.size()) ==
          "drop 5");  // it waits already
    CHECK(flow.answer(server_hello(any_random)) == "pass 6, permit, pass 3, pass 4");
  }

  TEST_CASE("early data may come with the hello, a second hello may not") {
    CHECK(Waiting().outcome(hello_for("a.example") + change_cipher_spec + early_data(9)) == "permitted");
    CHECK(Waiting().outcome(hello_for("a.example") + early_data(900).substr(0, 20)) == "permitted");
    for (const std::string& more : {hello_for("evil.example"), hello_for("a.example").substr(0, 1),
                                    std::string("x"), change_cipher_spec + hello_for("evil.example"),
                                    early_data(5) + hello_for("evil.example").substr(0, 30)})
      CHECK(Waiting().outcome(hello_for("a.example") + more) == "a.example: early-hello");
  }

  TEST_CASE("after a retry the second hello must name the same host") {
    const std::string first = hello_for("a.example");
    const auto after_retry = [&first](std::string_view second, std::string_view early = {}) {
      Waiting flow;
      flow.begin();
      flow.send(first);
      if (!early.empty()) flow.send(early, first.size());
      const std::string told = flow.answer(server_hello(random_of_retry));
      CHECK(!told.contains("permit"));
      const std::string rest = flow.send(second, first.size() + early.size());
      CHECK(!rest.contains("permit"));
      return flow.answer("", 1000).contains("permit") ? "permitted" : flow.denied();
    };
    CHECK(after_retry(first) == "permitted");
    CHECK(after_retry(change_cipher_spec + first) == "permitted");
    CHECK(after_retry(first, early_data(50)) == "permitted");
    CHECK(after_retry(hello_for("b.example")) == "b.example: another-name");
    CHECK(after_retry(change_cipher_spec + hello_for("evil.example")) == "evil.example: another-name");
    CHECK(after_retry(hello_for("evil.example"), early_data(50)) == "evil.example: another-name");
    CHECK(after_retry(record(hello({}))) == "a.example: no-name");
    CHECK(after_retry("GET / HTTP/1.1\r\n") == "a.example: not-tls");
  }

  TEST_CASE("a second hello that was sent before the retry came is judged then") {
    const std::string first = hello_for("a.example");
    Waiting flow;
    flow.begin();
    flow.send(first);
    CHECK(flow.send(hello_for("evil.example"), first.size()).empty());
    CHECK(flow.answer(server_hello(random_of_retry)) == "pass 4, refuse, reset 3");
  }

  TEST_CASE("a retry is seen however the server's octets are cut") {
    const std::string retry = server_hello(random_of_retry);
    for (size_t cut = 1; cut < 43; ++cut) {
      Waiting flow;
      flow.begin();
      flow.send(hello_for("a.example"));
      CHECK(flow.answer(retry.substr(cut), cut) == "pass 3");  // behind a gap
      CHECK(flow.answer(retry.substr(0, cut)) == "pass 4");
      CHECK(flow.answer(retry) == "pass 5");
      CHECK(flow.send(hello_for("b.example"), hello_for("a.example").size()) == "refuse, reset 6");
    }
  }

  TEST_CASE("what the server sends before the hello proves nothing") {
    Waiting flow;
    flow.begin();
    CHECK(flow.answer("220 ready\r\n") == "pass 2");
    CHECK(flow.send(hello_for("evil.example")) == "refuse, reset 3");
  }

  TEST_CASE("urgent data is refused, and a SYN with data is dropped") {
    Waiting flow;
    CHECK(flow.begin("x") == "drop 1");
    flow.begin();
    auto urgent = flow.packet(WaitingPacket::From::agent, first_sequence, "x");
    urgent.is_urgent = true;
    CHECK(flow.take(urgent) == "refuse, reset 3");
    CHECK(flow.denied() == "urgent");
  }

  TEST_CASE("a new SYN begins anew") {
    Waiting flow;
    flow.begin();
    flow.send(hello_for("a.example"));
    CHECK(flow.send(early_data(9), hello_for("a.example").size()).empty());
    CHECK(flow.begin() == "drop 3, begin, pass 4");
    CHECK(flow.answer(server_hello(any_random)) == "pass 5");  // of the earlier flow: it proves nothing
    CHECK(flow.send(hello_for("evil.example")) == "refuse, reset 6");
  }

  TEST_CASE("something that is not TLS goes on where a name without TLS led") {
    Waiting flow({rule("a.example"), rule("ssh.example:443/raw")});
    flow.admit("ssh.example", "192.0.2.1");
    flow.begin();
    CHECK(flow.send("SSH-2.0-x\r\n") == "pass 2");
    CHECK(flow.send("ZZH", 0) == "refuse, reset 3");  // the server has not acknowledged the first
    flow.begin();
    CHECK(flow.send("SSH-2.0-x\r\n") == "pass 5");
    CHECK(flow.answer("") == "pass 6, permit");
    CHECK(Waiting({rule("a.example"), rule("ssh.example:443/raw")}).outcome("SSH-2.0-x\r\n") == "not-tls");
    for (const std::string_view records : {"\x15\x03\x01", "\x14", "\x17\x03"}) {
      Waiting ignored({rule("a.example"), rule("ssh.example:443/raw")});
      ignored.admit("ssh.example", "192.0.2.1");
      CHECK(ignored.outcome(records) == "not-tls");
    }
    Waiting later({rule("a.example"), rule("ssh.example:443/raw")});
    later.admit("ssh.example", "192.0.2.1");
    later.now += 601s;
    CHECK(later.outcome("SSH-2.0-x\r\n") == "not-tls");
    Waiting named({rule("a.example"), rule("ssh.example:443/raw")});
    named.admit("ssh.example", "192.0.2.1");
    CHECK(named.outcome(hello_for("ssh.example")) == "permitted");
    CHECK(named.outcome(hello_for("evil.example")) == "evil.example: no-rule");
  }

  TEST_CASE("packets of a flow that the gate does not know") {
    Waiting flow;
    CHECK(flow.send(hello_for("a.example")) == "refuse, reset 1");
    CHECK(flow.denied() == "beginning-unseen");
    CHECK(flow.answer("x") == "drop 2");
    flow.judge.state_now = FlowState::permitted;
    CHECK(flow.send("x") == "pass 3");
    CHECK(flow.answer("x") == "pass 4");
    flow.judge.state_now = FlowState::refused;
    CHECK(flow.send("x") == "reset 5");
    CHECK(flow.answer("x") == "drop 6");
    flow.judge.state_now = FlowState::gone;
    CHECK(flow.send("x") == "drop 7");
  }

  TEST_CASE("a SYN passes only if its flow is nameless then, or when it is sent again") {
    Waiting again;
    CHECK(again.begin() == "begin, pass 1");
    CHECK(again.begin() == "pass 2");
    CHECK(again.check.size() == 1);
    again.send("\x16");
    CHECK(again.begin() == "begin, pass 4");
    Waiting flow;
    flow.judge.has_flow = false;
    CHECK(flow.begin() == "begin, drop 1");
    CHECK(flow.check.size() == 0);
  }

  TEST_CASE("more octets than a hello may have are refused, and the name that was read is named") {
    // The beginning of a hello of 16,000 octets, in records of one.
    std::string beginning("\x01\x00\x3e\x80\x03\x03", 6);
    beginning += std::string(32, 'r') + std::string("\x00\x3a\x98", 3) + std::string(15000, 'c');
    std::string records;
    for (const char octet : beginning) records += std::string("\x16\x03\x01\x00\x01", 5) + octet;
    Waiting flow;
    flow.begin();
    std::string told;
    size_t at = 0;
    for (; at < records.size() && !told.contains("refuse"); at += 6000)
      told = flow.send(std::string_view(records).substr(at, 6000), at);
    CHECK(flow.denied() == "too-long");
    CHECK(at > limits::nameless_octets);

    const std::string hello = hello_for("a.example");
    Waiting slow;
    slow.begin();
    slow.send(hello.substr(0, hello.size() - 1));
    slow.check.expire(start + limits::hello_time);
    CHECK(slow.denied() == "a.example: unfinished");
  }

  TEST_CASE("octets without TLS are compared until it is known that they are not SSL 2") {
    const std::string not_ssl2("\x80\x10\x02\x00", 4);
    Waiting flow({rule("a.example"), rule("b.example:443/raw")});
    flow.begin();
    CHECK(flow.send(not_ssl2) == "pass 2");
    CHECK(flow.send(std::string("\x80\x10\x01\x00", 4)) == "refuse, reset 3");
    CHECK(flow.denied() == "changed");
  }

  TEST_CASE(
      "a hello that is not finished in time is refused, a silent client is forgotten, a slow server is "
      "waited for") {
    Waiting flow;
    flow.begin();
    flow.send(hello_for("a.example").substr(0, 9));
    CHECK(flow.judge.take().empty());
    CHECK(flow.check.due() == start + limits::hello_time);
    flow.check.expire(start + limits::hello_time - 1ms);
    CHECK(flow.check.size() == 1);
    flow.check.expire(start + limits::hello_time);
    CHECK(flow.check.size() == 0);
    CHECK(flow.judge.take() == "refuse");
    CHECK(flow.denied() == "unfinished");
    Waiting silent;
    silent.begin();
    CHECK(silent.check.due() == start + limits::silent_time);
    silent.check.expire(start + limits::silent_time);
    CHECK(silent.check.size() == 0);
    CHECK(silent.judge.take().empty());
    CHECK(silent.denied() == "none");
    Waiting slow;
    slow.begin();
    slow.send(hello_for("a.example"));
    CHECK(slow.check.due() == start + limits::answer_time);
    slow.check.expire(start + limits::answer_time);
    CHECK(slow.check.size() == 0);
    CHECK(slow.denied() == "none");
    Waiting early;
    early.begin();
    early.send(hello_for("a.example"));
    early.send(early_data(9), hello_for("a.example").size());
    early.check.expire(start + limits::answer_time);
    CHECK(early.denied() == "a.example: no-answer");
  }

  TEST_CASE("beyond a bound the oldest flow is refused, unfinished hellos first") {
    Waiting flow;
    flow.connection.local_port = 1;
    flow.begin();
    flow.send(hello_for("a.example"));
    for (uint16_t port = 2; port <= limits::nameless_flows; ++port) {
      flow.connection.local_port = port;
      flow.begin();
    }
    CHECK(flow.check.size() == limits::nameless_flows);
    flow.connection.local_port = limits::nameless_flows + 1;
    flow.begin();
    CHECK(flow.check.size() == limits::nameless_flows);
    CHECK(flow.denied() == "crowded");
    // The latest is not displaced by its own hello.
    CHECK(flow.send(hello_for("a.example")).starts_with("pass"));
    CHECK(flow.answer(server_hello(any_random)).contains("permit"));
    flow.connection.local_port = 1;
    CHECK(flow.answer(server_hello(any_random)).contains("permit"));
  }

  TEST_CASE("early data waits in a part of the kernel's queue alone") {
    Waiting flow;
    size_t waiting = 0;
    for (uint16_t port = 1; port <= 1200; ++port) {
      flow.connection.local_port = port;
      flow.begin();
      CHECK(flow.send(hello_for("a.example")).starts_with("pass"));
      for (size_t i = 0; i < 2; ++i)
        if (flow.send(early_data(95), hello_for("a.example").size() + 100 * i).empty()) ++waiting;
    }
    CHECK(waiting == limits::waiting_packets);
    CHECK(flow.answer(server_hello(any_random)).contains("permit"));
  }

  TEST_CASE("what waits is bounded in octets and packets") {
    Waiting flow;
    flow.begin();
    const std::string stream = hello_for("a.example");
    flow.send(stream);
    size_t at = stream.size();
    size_t waiting = 0;
    for (int i = 0; i < 100; ++i) {
      if (!flow.send(early_data(95), at).empty()) continue;
      ++waiting;
      at += 100;
    }
    CHECK(waiting == limits::waiting_packets_of_a_flow);
    const std::string piece(1400, 'x');
    for (uint16_t port = 1; port <= 2000; ++port) {
      flow.connection.local_port = port;
      flow.begin();
      const std::string begun = record(std::string("\x01\x00\x3f\x00", 4) + std::string(16000, 'x'));
      for (size_t sent = 0; sent < 14000; sent += 1400)
        flow.send(std::string_view(begun).substr(sent, 1400), sent);
    }
    CHECK(flow.check.size() < 2 * limits::nameless_octets_of_all / 14000);
  }
}
