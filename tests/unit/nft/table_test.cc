#include "ostiary/nft/table.h"

#include <chrono>
#include <cstring>
#include <string>

#include <doctest/doctest.h>
#include <linux/if_ether.h>
#include <sys/wait.h>

#include "net/hosts.h"
#include "nft/client.h"
#include "nft/libnftables.h"
#include "ostiary/nft/admissions.h"
#include "ostiary/nft/earlier.h"
#include "ostiary/nft/untracked_flows.h"
#include "ostiary/nft/watch.h"

using namespace ostiary;
using namespace ostiary::nft;
using namespace ostiary::test;

namespace {

constexpr uint16_t gate_port = 5300;
constexpr int refused = ECONNREFUSED;
constexpr const char* outside4 = "192.0.2.2";
constexpr const char* outside6 = "2001:db8::2";

Ruleset ruleset() {
  return {.gate_mark = gate_mark, .gate_port = gate_port, .log_group = 5};
}

void apply_rules(const Ruleset& rules = ruleset(), Existing existing = Existing::replace) {
  const auto applied = apply(rules, existing);
  if (!applied) FAIL(applied.error().message);
}

Admission admission(const char* address, uint16_t port, int seconds = 60) {
  return {*inet::IpAddress::parse(address), IPPROTO_TCP, port, std::chrono::seconds(seconds)};
}

void admit(std::initializer_list<Admission> admissions) {
  auto set = KernelAdmissions::open();
  REQUIRE(set);
  const auto admitted = set->admit(admissions);
  if (!admitted) FAIL(admitted.error().message);
}

// The table without counters, handles and admissions: equal texts mean equal rules. As text,
// because it shows the table's flags; the JSON of older libraries does not. Empty if there is no
// table.
std::string table_text() {
  const std::string table = std::string(" inet ") + table_name;
  constexpr unsigned numbers = NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_NUMERIC_ALL;
  std::string text = run_commands("list table" + table, numbers | NFT_CTX_OUTPUT_TERSE).value_or("");
  for (const char* set : {" net4", " net6"})
    text += run_commands("list set" + table + set, numbers).value_or("");
  return text;
}

// A UDP or TCP echo of one message from the gate's listener.
void answer_udp(const UniqueFd& listener, const char* text) {
  char buffer[64];
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  REQUIRE(::recvfrom(listener.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &size) >
          0);
  REQUIRE(::sendto(listener.get(), text, strlen(text), 0, reinterpret_cast<sockaddr*>(&from), size) > 0);
}

}  // namespace

TEST_SUITE("nft/table") {
  TEST_CASE("the note of a session survives all changes of the table") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const On on(wire.inside);
    CHECK(mark_joined().error().message == "the rules that would hold the session are gone");
    CHECK(was_joined() == false);
    auto table = Table::open();
    REQUIRE(table);
    REQUIRE(table->apply(ruleset(), Existing::replace));
    CHECK(was_joined() == false);
    REQUIRE(mark_joined());
    REQUIRE(mark_joined());
    CHECK(was_joined() == true);
    for (const Existing existing : {Existing::keep_admissions, Existing::replace}) {
      REQUIRE(table->apply(ruleset(), existing));
      CHECK(was_joined() == true);
    }
    REQUIRE(nft::remove());
    CHECK_FALSE(table->keep_joined());
    REQUIRE(table->apply(ruleset(), Existing::replace));
    CHECK(was_joined() == true);
    REQUIRE(mark_ended());
    CHECK(find_earlier({}) == Earlier::held);
  }

  TEST_CASE("the note of a session that joined during a change of the table is written again") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const On on(wire.inside);
    auto table = Table::open();
    REQUIRE(table);
    REQUIRE(table->apply(ruleset(), Existing::replace));
    auto other = Table::open();  // its apply() knows of no session
    REQUIRE(other);
    REQUIRE(mark_joined());
    REQUIRE(nft::remove());
    REQUIRE(other->apply(ruleset(), Existing::replace));
    CHECK(was_joined() == false);
    REQUIRE(table->keep_joined());
    CHECK(table->is_joined());
    CHECK(was_joined() == true);
    CHECK(find_earlier({}) == Earlier::held);
  }

  TEST_CASE("an unlisted destination is refused at once, in both families") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const On on(wire.inside);
    apply_rules();
    const auto start = std::chrono::steady_clock::now();
    for (const char* address : {outside4, outside6, "198.51.100.1", "2001:db8:1::1"}) {
      CHECK(tcp_error(address, 443) == refused);
      CHECK(tcp_error(address, 853) == refused);
      CHECK(udp_error(address, 443) == EPERM);
    }
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(1));
  }

  TEST_CASE("other protocols do not pass, not even from a raw socket") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const On on(wire.inside);
    apply_rules();
    admit({admission(outside4, 443), admission(outside6, 443)});
    for (const char* text : {outside4, outside6, "198.51.100.1"}) {
      const Address address(text, 0);
      for (const int protocol :
           std::initializer_list<int>{IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_GRE, IPPROTO_SCTP,
                                      IPPROTO_UDPLITE, IPPROTO_IPIP, IPPROTO_IPV6, IPPROTO_TCP, 253}) {
        CAPTURE(protocol);
        const UniqueFd raw{::socket(address.domain(), SOCK_RAW | SOCK_CLOEXEC, protocol)};
        REQUIRE(raw.valid());
        const uint8_t payload[16] = {8, 0, 0, 80};  // an echo request; for those that have ports: to port 80
        CHECK(::sendto(raw.get(), payload, sizeof payload, 0, address.get(), address.size()) == -1);
        CHECK(errno == EPERM);
      }
    }
  }

  TEST_CASE("an admitted address can be reached only at its port and protocol") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const UniqueFd four = bound_in(wire.outside, outside4, 443, SOCK_STREAM);
    const UniqueFd six = bound_in(wire.outside, outside6, 443, SOCK_STREAM);
    const On on(wire.inside);
    apply_rules();
    admit({admission(outside4, 443), admission(outside6, 443)});
    for (const char* address : {outside4, outside6}) {
      CHECK(tcp_error(address, 443) == 0);
      CHECK(tcp_error(address, 80) == refused);
      CHECK(udp_error(address, 443) == EPERM);
    }
    CHECK(tcp_error("198.51.100.1", 443) == refused);
  }

  TEST_CASE("an address rule permits its network, protocol and ports") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const UniqueFd listener = bound_in(wire.outside, "0.0.0.0", 5432, SOCK_STREAM);
    const On on(wire.inside);
    Ruleset rules = ruleset();
    rules.addresses = {{*inet::IpAddress::parse("198.51.100.0"), 24, IPPROTO_TCP, 5000, 6000},
                       {*inet::IpAddress::parse("198.51.100.1"), 32, IPPROTO_TCP, 5432, 5432},
                       {*inet::IpAddress::parse("2001:db8:1::"), 48, IPPROTO_UDP, 7, 7}};
    apply_rules(rules);
    CHECK(tcp_error("198.51.100.1", 5432) == 0);
    CHECK(tcp_error("198.51.100.2", 5432) == 0);
    CHECK(tcp_error("198.51.100.1", 443) == refused);
    CHECK(udp_error("198.51.100.1", 5432) == EPERM);
    CHECK(tcp_error(outside4, 5432) == refused);
    CHECK(udp_error("2001:db8:1::1", 7) == 0);
    CHECK(udp_error("2001:db8:1::1", 8) == EPERM);
    CHECK(tcp_error("2001:db8:1::1", 7) == refused);
  }

  TEST_CASE("DNS to any server reaches the gate, and the answer comes from that server's address") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const On on(wire.inside);
    apply_rules();
    const std::pair<const char*, const char*> families[] = {{"127.0.0.1", "198.51.100.1"},
                                                            {"127.0.0.1", "127.0.0.53"},
                                                            {"127.0.0.1", "127.0.0.11"},
                                                            {"::1", "2001:db8:1::1"}};
    for (const auto& [gate, server] : families) {
      CAPTURE(std::string(server));
      const UniqueFd udp = bound(gate, gate_port, SOCK_DGRAM, Mark::gate);
      const UniqueFd tcp = bound(gate, gate_port, SOCK_STREAM, Mark::gate);
      const Address address(server, 53);
      const UniqueFd asking = make_socket(address, SOCK_DGRAM);
      // A connected socket accepts answers only from that address.
      REQUIRE(::connect(asking.get(), address.get(), address.size()) == 0);
      REQUIRE(::send(asking.get(), "?", 1, 0) == 1);
      answer_udp(udp, "answer");
      CHECK(receive(asking) == "answer");

      const UniqueFd stream = make_socket(address, SOCK_STREAM);
      REQUIRE(::connect(stream.get(), address.get(), address.size()) == 0);
      REQUIRE(::send(stream.get(), "?", 1, 0) == 1);
      const UniqueFd accepted{::accept4(tcp.get(), nullptr, nullptr, SOCK_CLOEXEC)};
      CHECK(receive(accepted) == "?");
      REQUIRE(::send(accepted.get(), "stream", 6, 0) == 6);
      CHECK(receive(stream) == "stream");
      REQUIRE(::send(stream.get(), "!", 1, 0) == 1);
      CHECK(receive(accepted) == "!");
    }
  }

  TEST_CASE("packets with the gate's mark pass, also to DNS servers; local services need no mark") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const UniqueFd server = bound_in(wire.outside, "198.51.100.1", 53, SOCK_DGRAM);
    const UniqueFd server6 = bound_in(wire.outside, "2001:db8:1::1", 53, SOCK_DGRAM);
    const On on(wire.inside);
    apply_rules();
    CHECK(udp_error("198.51.100.1", 53, Mark::gate) == 0);
    CHECK(udp_error("2001:db8:1::1", 53, Mark::gate) == 0);
    CHECK(something_arrives(server, 1000));
    CHECK(something_arrives(server6, 4000));
    for (const char* address : {"127.0.0.1", "127.0.0.2", "192.0.2.1", "::1", "2001:db8::1"}) {
      const UniqueFd local = bound(address, 8080, SOCK_STREAM);
      CHECK(tcp_error(address, 8080) == 0);
    }
  }

  TEST_CASE("the agent cannot continue a flow of the gate by binding its port") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const UniqueFd dns = bound_in(wire.outside, "198.51.100.1", 53, SOCK_DGRAM);
    const UniqueFd other = bound_in(wire.outside, "198.51.100.1", 5353, SOCK_DGRAM);
    const On on(wire.inside);
    apply_rules();
    for (const auto& [server, port] : {std::pair(&dns, uint16_t{53}), std::pair(&other, uint16_t{5353})}) {
      const Address address("198.51.100.1", port);
      uint16_t taken = 0;
      {
        const UniqueFd gate = make_socket(address, SOCK_DGRAM, Mark::gate);
        REQUIRE(::connect(gate.get(), address.get(), address.size()) == 0);
        REQUIRE(::send(gate.get(), "gate", 4, 0) == 4);
        taken = local_port(gate);
        answer_udp(*server, "answer");
        REQUIRE(receive(gate) == "answer");
      }
      // A question is redirected as from any other port. Other packets are refused.
      const UniqueFd thief = bound("192.0.2.1", taken, SOCK_DGRAM);
      const ssize_t sent = ::sendto(thief.get(), "leak", 4, 0, address.get(), address.size());
      CHECK(sent == (port == 53 ? 4 : -1));
      send_marker("198.51.100.1", port);
      CHECK(receive(*server) == "marker");
    }
  }

  TEST_CASE("a DNS flow from before the rules continues at the gate") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const UniqueFd dns = bound_in(wire.outside, "198.51.100.1", 53, SOCK_DGRAM);
    const On on(wire.inside);
    run("nft 'table inet mine { chain c { type filter hook output priority 0\n ct state new counter\n} \n}'");
    const Address address("198.51.100.1", 53);
    const UniqueFd agent = make_socket(address, SOCK_DGRAM);
    REQUIRE(::connect(agent.get(), address.get(), address.size()) == 0);
    REQUIRE(::send(agent.get(), "?", 1, 0) == 1);
    answer_udp(dns, "answer");
    REQUIRE(receive(agent) == "answer");
    apply_rules();
    const UniqueFd gate = bound("127.0.0.1", gate_port, SOCK_DGRAM, Mark::gate);
    CHECK(::send(agent.get(), "?", 1, 0) == 1);
    CHECK(something_arrives(gate, 1000));
    send_marker("198.51.100.1", 53);
    CHECK(receive(dns) == "marker");
  }

  TEST_CASE("a socket bound to an interface sends nothing out with a loopback source") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const UniqueFd sniffer = [&] {
      const On on(wire.outside);
      return UniqueFd{::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL))};
    }();
    REQUIRE(sniffer.valid());
    const UniqueFd server = bound_in(wire.outside, "198.51.100.1", 53, SOCK_DGRAM);
    const UniqueFd server6 = bound_in(wire.outside, "2001:db8:1::1", 53, SOCK_DGRAM);
    const On on(wire.inside);
    // From here on it knows its neighbours, so no packet waits for their addresses.
    for (const char* outside : {"198.51.100.1", "2001:db8:1::1"}) CHECK(tcp_error(outside, 9) == refused);
    apply_rules();
    for (const auto& [text, port] :
         {std::pair("127.0.0.1", uint16_t{9999}), std::pair("127.0.0.1", gate_port),
          std::pair("198.51.100.1", uint16_t{53}), std::pair("::1", gate_port),
          std::pair("2001:db8:1::1", uint16_t{53})}) {
      const Address address(text, port);
      const UniqueFd fd = make_socket(address, SOCK_DGRAM);
      REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, "wire", 5) == 0);
      ::sendto(fd.get(), "leak-by-device", 14, 0, address.get(), address.size());
    }
    for (const char* outside : {"198.51.100.1", "2001:db8:1::1"}) send_marker(outside, 53);
    for (int markers = 0; markers < 2;) {
      REQUIRE(something_arrives(sniffer, 4000));
      const std::string packet = receive(sniffer);
      CHECK_FALSE(packet.contains("leak-by-device"));
      if (packet.contains("marker")) ++markers;
    }
  }

  TEST_CASE("other tables do not change and are no way around the rules") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const UniqueFd elsewhere = bound_in(wire.outside, "0.0.0.0", 80, SOCK_STREAM);
    const On on(wire.inside);
    // As for Docker's resolver, a user's service, and a service mesh.
    const UniqueFd resolver = bound("127.0.0.11", 41953, SOCK_DGRAM);
    const UniqueFd proxy = bound("127.0.0.1", 15001, SOCK_STREAM);
    run("nft 'table ip nat { chain OUTPUT { type nat hook output priority -100\n"
        "ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:41953\n"
        "ip daddr 192.0.2.1 tcp dport 8888 dnat to 198.51.100.1:80\n"
        "ip daddr 203.0.113.5 tcp dport 80 redirect to :15001\n} \n}'");
    run("nft 'table inet mine { set s { type ipv4_addr; elements = { 192.0.2.9 } \n} \n"
        "chain c { type filter hook output priority 0; counter accept\n} \n}'");
    const std::string before = output_of("nft -s list table ip nat; nft -s list table inet mine");
    apply_rules();
    apply_rules(ruleset(), Existing::keep_admissions);
    CHECK(output_of("nft -s list table ip nat; nft -s list table inet mine") == before);

    CHECK(udp_error("127.0.0.11", 41953) == EPERM);
    const UniqueFd gate = bound("127.0.0.1", gate_port, SOCK_DGRAM, Mark::gate);
    CHECK(udp_error("127.0.0.11", 53) == 0);
    CHECK(something_arrives(gate, 1000));
    send_marker("127.0.0.11", 53);
    CHECK(receive(resolver) == "marker");
    CHECK(tcp_error("192.0.2.1", 8888) == refused);
    CHECK(tcp_error("203.0.113.5", 80) == refused);
    CHECK_FALSE(something_arrives(proxy, 0));

    REQUIRE(remove());
    CHECK(output_of("nft -s list table ip nat; nft -s list table inet mine") == before);
    CHECK(table_text().empty());
    CHECK(remove());
  }

  TEST_CASE("forwarded packets are refused too") {
    if (!can_make_hosts()) return;
    const Wire wire;
    UniqueFd listener;
    {
      const On on(wire.outside);
      listener = bound("0.0.0.0", 80, SOCK_STREAM);
      run("ip route add 203.0.113.0/24 via 192.0.2.1");
    }
    const Host inner;
    {
      const On on(wire.inside);
      run("ip link add inner type veth peer name eth netns " + inner.path());
      run("ip addr add 203.0.113.1/24 dev inner && ip link set inner up");
      run("echo 1 > /proc/sys/net/ipv4/ip_forward");
    }
    const On on(inner);
    run("ip addr add 203.0.113.2/24 dev eth && ip link set eth up && ip route add default via 203.0.113.1");
    CHECK(tcp_error(outside4, 80) == 0);
    {
      const On middle(wire.inside);
      apply_rules();
    }
    CHECK(tcp_error(outside4, 80) == refused);
    const UniqueFd dns = bound_in(wire.outside, "0.0.0.0", 53, SOCK_DGRAM);
    CHECK(udp_error(outside4, 53) == 0);  // sent, and denied on its way
    const On middle(wire.inside);
    send_marker(outside4, 53);
    CHECK(receive(dns) == "marker");
  }

  TEST_CASE("applied twice, or after changes by others, the table is the same") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    Ruleset rules = ruleset();
    rules.addresses = {{*inet::IpAddress::parse("198.51.100.0"), 24, IPPROTO_TCP, 1, 65535},
                       {*inet::IpAddress::parse("2001:db8::"), 32, IPPROTO_UDP, 443, 443}};
    CHECK(table_text().empty());
    auto table = Table::open();
    REQUIRE(table);
    const auto apply_rules = [&table](const Ruleset& each, Existing existing = Existing::replace) {
      const auto applied = table->apply(each, existing);
      if (!applied) FAIL(applied.error().message);
    };
    apply_rules(rules);
    const std::string first = table_text();
    CHECK(first.contains("198.51.100.0/24"));
    apply_rules(rules);
    CHECK(bool(table_text() == first));
    apply_rules(rules, Existing::keep_admissions);
    CHECK(bool(table_text() == first));
    CHECK(tcp_error("198.51.100.1", 443) != 0);
    admit({admission("192.0.2.9", 443)});
    CHECK(bool(table_text() == first));
    for (const char* tampering :
         {"nft insert rule inet ostiary output accept", "nft flush chain inet ostiary nat",
          "nft 'add table inet ostiary { flags dormant; }'",
          "nft 'chain inet ostiary output { policy accept; }'",
          "nft 'add chain inet ostiary extra { type filter hook input priority 0; policy drop; }'",
          "nft add element inet ostiary net4 '{ 192.0.2.0/24 . tcp . 443 }'",
          "nft 'add set inet ostiary more { type ipv4_addr; }'",
          "nft 'add map inet ostiary way { type ipv4_addr : verdict; }'"}) {
      CAPTURE(std::string(tampering));
      run(tampering);
      CHECK(bool(table_text() != first));
      apply_rules(rules, Existing::keep_admissions);
      CHECK(bool(table_text() == first));
      CHECK(output_of("nft list set inet ostiary allow4").contains("192.0.2.9 . tcp . 443"));
    }
    run("nft flush ruleset");
    CHECK(table_text().empty());
    apply_rules(rules, Existing::keep_admissions);
    CHECK(bool(table_text() == first));
    CHECK_FALSE(output_of("nft list set inet ostiary allow4").contains("192.0.2.9"));
  }

  TEST_CASE("ten thousand address rules can be applied twice") {
    if (!can_make_hosts_as_real_root()) return;
    const Host host;
    const On on(host);
    Ruleset rules = ruleset();
    for (uint8_t i = 0; i < 100; ++i)
      for (uint8_t j = 0; j < 100; ++j)
        rules.addresses.push_back({inet::IpAddress::v4({10, i, j, 0}), 24, IPPROTO_TCP, 443, 443});
    const auto milliseconds = [](const Ruleset& each) {
      const auto start = std::chrono::steady_clock::now();
      apply_rules(each);
      return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    };
    MESSAGE("applied in " << milliseconds(ruleset()) << " ms, with 10,000 address rules in "
                          << milliseconds(rules) << " ms");
    apply_rules(rules);
  }

  TEST_CASE("the rule that has packets wait is the first of its chain, and the keeper's own change") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const On on(wire.inside);
    auto table = Table::open();
    REQUIRE(table);
    auto watch = Watch::open(*table);
    REQUIRE(watch);
    auto rules = ruleset();
    rules.name_queue = 5353;
    for (const Tracking tracking : {Tracking::both_families, Tracking::ipv4_only}) {
      rules.tracking = tracking;
      for (const Existing existing : {Existing::replace, Existing::keep_admissions}) {
        REQUIRE(table->apply(rules, existing));
        CHECK(table->queue_form());
        CHECK(table_text().contains("chain ask {\n\t\tqueue"));
      }
    }
    const auto changes = watch->read();
    REQUIRE(changes);
    CHECK(changes->empty());
    REQUIRE(table->apply(ruleset(), Existing::replace));
    CHECK_FALSE(table->queue_form());
  }

  TEST_CASE("a flow over untracked IPv6 is nameless when it begins, whatever was judged of an earlier one") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const On on(wire.inside);
    auto rules = ruleset();
    rules.name_queue = 5353;
    rules.tracking = Tracking::ipv4_only;
    apply_rules(rules);
    auto admissions = KernelAdmissions::open();
    REQUIRE(admissions);
    UntrackedFlows flows(admissions->socket());
    const inet::Connection flow{*inet::IpAddress::parse(outside6), *inet::IpAddress::parse("2001:db8::7"),
                                40000, 443};
    const auto is_open = [&flow] {
      const std::string opened = run_commands("list set inet ostiary opened6").value_or("");
      return opened.contains(flow.remote.text());
    };
    // As the rules do when the server accepts the connection.
    const auto accept = [&flow] {
      const std::string element = " { " + flow.local.text() + " . " + std::to_string(flow.local_port) +
                                  " . " + flow.remote.text() + " . " + std::to_string(flow.remote_port) +
                                  " }; ";
      REQUIRE(run_commands("delete element inet ostiary begun6" + element +
                           "add element inet ostiary nameless6" + element));
    };
    CHECK_FALSE(flows.is_held(flow));
    CHECK_FALSE(flows.permit(flow));  // one that the kernel does not know
    CHECK_FALSE(flows.follow(flow));
    CHECK_FALSE(is_open());
    for (int again = 0; again < 2; ++again) {
      CHECK(flows.begin(flow));
      CHECK_FALSE(flows.permit(flow));  // the server has not accepted it
      accept();
      CHECK(flows.is_held(flow));
      CHECK_FALSE(is_open());
      CHECK(flows.permit(flow));
      CHECK_FALSE(flows.is_held(flow));
      CHECK(flows.is_open(flow));
      CHECK(is_open());
      CHECK(flows.begin(flow));
      CHECK_FALSE(is_open());
      accept();
      CHECK(flows.follow(flow));
      CHECK(flows.is_held(flow));
      CHECK_FALSE(flows.permit(flow));
      CHECK_FALSE(is_open());
    }
    CHECK(flows.refuse(flow));
    CHECK(flows.begin(flow));
    accept();
    CHECK(flows.refuse(flow));
    CHECK_FALSE(flows.is_held(flow));
    CHECK_FALSE(is_open());
  }

  TEST_CASE("the rules also load for IPv4 connections alone") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const On on(wire.inside);
    Ruleset rules = ruleset();
    rules.tracking = Tracking::ipv4_only;
    apply_rules(rules);
    const UniqueFd gate = bound("::1", gate_port, SOCK_DGRAM, Mark::gate);
    CHECK(udp_error("2001:db8:1::1", 53) == EPERM);
    CHECK(udp_error("::1", gate_port) == 0);
    CHECK(something_arrives(gate, 1000));
  }

  TEST_CASE("what the kernel does not support is told from every other failure") {
    if (!can_make_hosts()) return;
    const Host host;
    const On here(host);
    const auto unsupported =
        run_commands("add table inet t\nadd chain inet t c { type nat hook forward priority 0; }", 0);
    REQUIRE_FALSE(unsupported);
    CHECK_MESSAGE(is_unsupported(unsupported.error()), unsupported.error().message);
    const auto twice = run_commands("create table inet t\ncreate table inet t", 0);
    REQUIRE_FALSE(twice);
    CHECK_MESSAGE(!is_unsupported(twice.error()), twice.error().message);
  }

  TEST_CASE("without permission the error says what to do") {
    if (!can_make_hosts_as_real_root()) return;
    const Host host;
    const On on(host);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      if (::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
      const auto applied = apply(ruleset(), Existing::replace);
      const bool named = !applied && applied.error().exit == Exit::not_permitted &&
                         applied.error().message.contains("--cap-add=NET_ADMIN");
      ::_exit(named ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
}
