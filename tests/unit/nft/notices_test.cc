// The log of denied packets, and the watch on the table, with the real kernel.

#include <algorithm>
#include <chrono>
#include <vector>

#include <doctest/doctest.h>

#include "net/hosts.h"
#include "nft/client.h"
#include "nft/expiry.h"
#include "ostiary/nft/admissions.h"
#include "ostiary/nft/denied_log.h"
#include "ostiary/nft/watch.h"

using namespace ostiary;
using namespace ostiary::nft;
using namespace ostiary::test;
using namespace std::chrono_literals;

namespace {

constexpr uint16_t group = 5;

const Ruleset rules{.gate_mark = gate_mark, .gate_port = 5300, .log_group = group};

constexpr int patience = 4000;  // only a test that fails waits this long

bool readable(int fd, int milliseconds) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, milliseconds) == 1;
}

// Appends the waiting log entries for that address. Returns whether one for `marker` is among them.
bool read_denied_to(DeniedLog& log, const inet::IpAddress& address, const inet::IpAddress& marker,
                    std::vector<Denied>& found) {
  const auto events = log.read();
  REQUIRE(events);
  for (const Denied& each : *events)
    if (each.destination == address) found.push_back(each);
  return std::ranges::find(*events, marker, &Denied::destination) != events->end();
}

// The log entries for that address. The kernel reports in order, so a packet to another address,
// which is denied last, ends them. It needs room in the socket, so what waits there is read first.
std::vector<Denied> denied_to(DeniedLog& log, const char* text) {
  const auto address = *inet::IpAddress::parse(text);
  const auto marker = *inet::IpAddress::parse("203.0.113.99");
  std::vector<Denied> found;
  while (readable(log.fd(), 0)) read_denied_to(log, address, marker, found);
  udp_error(marker.text(), 9);
  bool ended = false;
  while (!ended && readable(log.fd(), patience)) ended = read_denied_to(log, address, marker, found);
  REQUIRE(ended);
  return found;
}

std::vector<Change> changes(Watch& watch) {
  const auto read = watch.read();
  REQUIRE(read);
  return *read;
}

constexpr size_t flood = 30000;

// Sends that many packets, all of which are denied.
void send_flood() {
  const Address address("198.51.100.1", 9);
  const UniqueFd fd = make_socket(address, SOCK_DGRAM);
  for (size_t i = 0; i < flood; ++i) ::sendto(fd.get(), "x", 1, 0, address.get(), address.size());
}

}  // namespace

TEST_SUITE("nft/denied_log") {
  TEST_CASE("a denied packet is reported with destination, port, protocol and uid") {
    if (!can_make_hosts_as_real_root()) return;
    const Wire wire;
    const On on(wire.inside);
    REQUIRE(apply(rules, Existing::replace));
    auto log = DeniedLog::open(group);
    REQUIRE(log);
    REQUIRE(::seteuid(65534) == 0);
    tcp_error("198.51.100.1", 443);
    udp_error("2001:db8:1::1", 4433);
    REQUIRE(::seteuid(0) == 0);
    const auto four = denied_to(*log, "198.51.100.1");
    REQUIRE(four.size() == 1);
    CHECK(four[0].protocol == IPPROTO_TCP);
    CHECK(four[0].port == 443);
    CHECK(four[0].uid == 65534);
    udp_error("2001:db8:1::1", 4434);
    const auto six = denied_to(*log, "2001:db8:1::1");
    REQUIRE(six.size() == 1);
    CHECK(six[0].protocol == IPPROTO_UDP);
    CHECK(six[0].port == 4434);
    CHECK(six[0].uid == 0);
    CHECK(log->lost() == 0);
  }

  TEST_CASE("under a flood every packet is either reported or counted") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const On on(wire.inside);
    REQUIRE(apply(rules, Existing::replace));
    auto log = DeniedLog::open(group);
    REQUIRE(log);
    send_flood();
    size_t reported = denied_to(*log, "198.51.100.1").size();
    udp_error("198.51.100.1", 9);  // its sequence number shows what is missing
    reported += denied_to(*log, "198.51.100.1").size();
    CHECK(reported > 100);
    CHECK(log->lost() > 0);
    CHECK(reported + log->lost() >= flood);
    CHECK(reported + log->lost() <= flood + 100);
  }

  TEST_CASE("unread packets leave space for the answer to a request") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const On on(wire.inside);
    REQUIRE(apply(rules, Existing::replace));
    auto log = DeniedLog::open(group);
    REQUIRE(log);
    send_flood();
    const auto gathered = log->gather();
    if (!gathered) FAIL(gathered.error().message);
    udp_error("198.51.100.1", 10);
    CHECK_FALSE(denied_to(*log, "198.51.100.1").empty());
    CHECK(log->lost() >= 29000);
  }

  TEST_CASE("a second listener on the group is an error that says so") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    const auto first = DeniedLog::open(group);
    REQUIRE(first);
    const auto second = DeniedLog::open(group);
    REQUIRE_FALSE(second);
    CHECK(second.error().message.contains("another process listens"));
  }
}

TEST_SUITE("nft/watch") {
  TEST_CASE("our own rules and admissions are not reported") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    auto table = Table::open();
    REQUIRE(table);
    auto watch = Watch::open(*table);
    REQUIRE(watch);
    for (const Existing existing : {Existing::replace, Existing::replace, Existing::keep_admissions}) {
      REQUIRE(table->apply(rules, existing));
      CHECK(changes(*watch).empty());
    }
    auto set = KernelAdmissions::open();
    REQUIRE(set);
    watch->expect_from(set->port());
    REQUIRE(set->admit(std::vector<Admission>{{*inet::IpAddress::parse("192.0.2.7"), IPPROTO_TCP, 443, 1s}}));
    REQUIRE(set->admit(std::vector<Admission>{{*inet::IpAddress::parse("192.0.2.7"), IPPROTO_TCP, 443, 1s}}));
    let_expire("192.0.2.7");
    CHECK(changes(*watch).size() == 1);  // made its life short; its end is no change
    REQUIRE(set->admit(std::vector<Admission>{{*inet::IpAddress::parse("192.0.2.7"), IPPROTO_TCP, 443, 1s}}));
    REQUIRE(
        set->revoke(std::vector<Admission>{{*inet::IpAddress::parse("192.0.2.7"), IPPROTO_TCP, 443, 1s}}));
    CHECK_FALSE(readable(watch->fd(), 0));  // no wake-up for them
    auto another = KernelAdmissions::open();
    REQUIRE(another);
    REQUIRE(
        another->admit(std::vector<Admission>{{*inet::IpAddress::parse("192.0.2.8"), IPPROTO_TCP, 443, 1s}}));
    CHECK(changes(*watch).size() == 1);
  }

  TEST_CASE(
      "a rule deleted or added, an element added, a table made dormant: each is reported with its author") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    auto table = Table::open();
    REQUIRE(table);
    auto watch = Watch::open(*table);
    REQUIRE(watch);
    REQUIRE(table->apply(rules, Existing::replace));
    for (const char* tampering :
         {"nft insert rule inet ostiary output accept", "nft flush chain inet ostiary nat",
          "nft delete rule inet ostiary output handle $(nft -a list chain inet ostiary output | "
          "sed -n 's/.*accept # handle //p' | head -1)",
          "nft add element inet ostiary allow4 '{ 192.0.2.9 . tcp . 80 timeout 1h }'",
          "nft 'add table inet ostiary { flags dormant; }'",
          "nft 'chain inet ostiary output { policy accept; }'"}) {
      CAPTURE(std::string(tampering));
      run(tampering);
      const auto reported = changes(*watch);
      REQUIRE(reported.size() == 1);
      CHECK(reported[0].kind == Change::Kind::changed);
      CHECK(reported[0].program == "nft");
      CHECK(reported[0].process > 0);
    }
  }

  TEST_CASE("a flushed ruleset and a deleted table are reported; other tables are not") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    auto table = Table::open();
    REQUIRE(table);
    auto watch = Watch::open(*table);
    REQUIRE(watch);
    for (const char* tampering : {"nft flush ruleset", "nft delete table inet ostiary"}) {
      REQUIRE(table->apply(rules, Existing::replace));
      run("nft 'table inet other { chain c { type filter hook output priority 0\n} \n}'; nft delete table "
          "inet other");
      run("nft add table ip ostiary; nft delete table ip ostiary");
      CHECK(changes(*watch).empty());
      run(tampering);
      const auto reported = changes(*watch);
      REQUIRE(reported.size() == 1);
      CHECK(reported[0].kind == Change::Kind::table_gone);
    }
  }

  TEST_CASE("too many changes for the socket are reported as missed") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    auto table = Table::open();
    REQUIRE(table);
    auto watch = Watch::open(*table);
    REQUIRE(watch);
    REQUIRE(table->apply(rules, Existing::replace));
    auto set = KernelAdmissions::open();
    REQUIRE(set);
    for (uint16_t port = 1; port < 20000; ++port)
      REQUIRE(
          set->admit(std::vector<Admission>{{*inet::IpAddress::parse("192.0.2.7"), IPPROTO_TCP, port, 60s}}));
    bool missed = false;
    for (auto reported = changes(*watch); !reported.empty(); reported = changes(*watch))
      for (const Change& each : reported) missed = missed || each.kind == Change::Kind::missed;
    CHECK(missed);
  }
}
