#include "gate/ledger.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "fakes.h"

using namespace ostiary;
using namespace ostiary::gate;
using namespace ostiary::gate::testing;
using policy::Answers;

namespace {

inet::IpAddress address(std::string_view text) {
  return inet::IpAddress::parse(text).value();
}

// 192.0.2.0 to 192.0.2.63
std::vector<inet::IpAddress> many_addresses() {
  std::vector<inet::IpAddress> all;
  for (uint8_t i = 0; i < dns::limits::addresses; ++i) all.push_back(inet::IpAddress::v4({192, 0, 2, i}));
  return all;
}

// As many ports as fill the ledger with those addresses.
constexpr const char* many_ports = "full.example:1-1024";
static_assert(dns::limits::addresses * 1024 == limits::ledger_entries);

struct Books {
  explicit Books(std::vector<policy::Rule> rules = {rule("a.example"), rule("b.example")},
                 InitialSets sets = InitialSets::empty)
      : policy(policy::Policy::compile(rules)), ledger(kernel, sets) {}
  Books(const Books&) = delete;
  Books& operator=(const Books&) = delete;

  Result<Time> admit(std::string_view name, const std::vector<inet::IpAddress>& addresses,
                     std::chrono::seconds lifetime) {
    return ledger.admit(name, addresses, policy.decide(name).grants, lifetime, now);
  }

  Time now = start;
  FakeKernel kernel{now};
  policy::Policy policy;
  Ledger ledger;
};

}  // namespace

TEST_SUITE("gate/ledger") {
  TEST_CASE("admits each address on each port of the grants, in one call") {
    Books books({rule("a.example:80,443"), rule("a.example:8000-8002/udp")});
    const auto until = books.admit("a.example", {address("192.0.2.1"), address("2001:db8::1")}, 60s);
    REQUIRE(until);
    CHECK(*until == start + 60s);
    CHECK(books.kernel.calls == 1);
    for (const std::string host : {"192.0.2.1", "2001:db8::1"})
      CHECK(books.kernel.held(host) == host + " 80/tcp 60, " + host + " 443/tcp 60, " + host +
                                           " 8000/udp 60, " + host + " 8001/udp 60, " + host +
                                           " 8002/udp 60");
    CHECK(books.ledger.size() == 10);
  }

  TEST_CASE("a port is not admitted at a kind of address that its rule does not cover") {
    Books books({rule("a.example:80"), rule("a.example:5432", Answers::private_too)});
    REQUIRE(books.admit("a.example", {address("10.0.0.7"), address("169.254.169.254")}, 60s));
    CHECK(books.kernel.held() == "10.0.0.7 5432/tcp 60");
  }

  TEST_CASE("an admission is never shortened") {
    Books books;
    REQUIRE(books.admit("a.example", {address("192.0.2.1")}, 3600s));
    books.now += 10s;
    const auto until = books.admit("b.example", {address("192.0.2.1"), address("192.0.2.2")}, 60s);
    CHECK(until == books.now + 60s);
    CHECK(books.kernel.held() == "192.0.2.1 443/tcp 3590, 192.0.2.2 443/tcp 60");
    CHECK(books.ledger.size() == 2);
  }

  TEST_CASE("an admission is renewed for the longer lifetime, and never ends early by rounding") {
    Books books;
    REQUIRE(books.admit("a.example", {address("192.0.2.1")}, 60s));
    books.now += 500ms;
    REQUIRE(books.admit("a.example", {address("192.0.2.1")}, 59s));
    CHECK(books.kernel.held() == "192.0.2.1 443/tcp 60");
    REQUIRE(books.admit("a.example", {address("192.0.2.1")}, 90s));
    CHECK(books.kernel.held() == "192.0.2.1 443/tcp 90");
  }

  TEST_CASE("what the kernel refused is not admitted, not restored and has no name") {
    Books books;
    books.kernel.refuses = true;
    CHECK_FALSE(books.admit("a.example", {address("192.0.2.1")}, 60s));
    CHECK(books.ledger.size() == 0);
    CHECK(books.ledger.name_of(address("192.0.2.1")).empty());
    books.kernel.refuses = false;
    REQUIRE(books.ledger.restore(books.now));
    CHECK(books.kernel.held().empty());
  }

  TEST_CASE("a refused renewal leaves the earlier admission as it was") {
    Books books;
    REQUIRE(books.admit("a.example", {address("192.0.2.1")}, 60s));
    books.kernel.refuses = true;
    CHECK_FALSE(books.admit("b.example", {address("192.0.2.1")}, 3600s));
    books.kernel.refuses = false;
    books.kernel.flush();
    REQUIRE(books.ledger.restore(books.now));
    CHECK(books.kernel.held() == "192.0.2.1 443/tcp 60");
    CHECK(books.ledger.name_of(address("192.0.2.1")) == "a.example");
  }

  TEST_CASE("after a flush everything is admitted again for the time that was left") {
    Books books({rule("a.example:80,443"), rule("b.example:53/udp")});
    REQUIRE(books.admit("a.example", {address("192.0.2.1"), address("192.0.2.2")}, 60s));
    REQUIRE(books.admit("b.example", {address("2001:db8::1")}, 3600s));
    books.now += 20s;
    const std::string before = books.kernel.held();
    books.kernel.flush();
    REQUIRE(books.kernel.held().empty());
    REQUIRE(books.ledger.restore(books.now));
    CHECK(books.kernel.held() == before);
    CHECK(books.kernel.held() ==
          "192.0.2.1 80/tcp 40, 192.0.2.1 443/tcp 40, 192.0.2.2 80/tcp 40, "
          "192.0.2.2 443/tcp 40, 2001:db8::1 53/udp 3580");
  }

  TEST_CASE("an admission that has run out is not restored") {
    Books books;
    REQUIRE(books.admit("a.example", {address("192.0.2.1")}, 60s));
    REQUIRE(books.admit("b.example", {address("192.0.2.2")}, 61s));
    books.now += 60s;
    books.kernel.flush();
    REQUIRE(books.ledger.restore(books.now));
    CHECK(books.kernel.held() == "192.0.2.2 443/tcp 1");
    CHECK(books.kernel.last.size() == 1);
  }

  TEST_CASE("restoring fails if the kernel refuses") {
    Books books;
    REQUIRE(books.admit("a.example", {address("192.0.2.1")}, 60s));
    books.kernel.refuses = true;
    CHECK_FALSE(books.ledger.restore(books.now));
  }

  TEST_CASE("only a first admission into sets that were empty is said to be new") {
    for (const auto sets : {InitialSets::empty, InitialSets::continued}) {
      Books books({rule("a.example")}, sets);
      REQUIRE(books.admit("a.example", {address("192.0.2.1")}, 60s));
      CHECK(books.kernel.last.at(0).prior ==
            (sets == InitialSets::empty ? nft::Prior::absent : nft::Prior::unknown));
      REQUIRE(books.admit("a.example", {address("192.0.2.1")}, 60s));
      CHECK(books.kernel.last.at(0).prior == nft::Prior::unknown);
      REQUIRE(books.ledger.restore(books.now));
      CHECK(books.kernel.last.at(0).prior == nft::Prior::unknown);
    }
  }

  TEST_CASE("an address has the name that led to it last") {
    Books books;
    CHECK(books.ledger.name_of(address("192.0.2.1")).empty());
    REQUIRE(books.admit("a.example", {address("192.0.2.1"), address("192.0.2.2")}, 60s));
    REQUIRE(books.admit("b.example", {address("192.0.2.1")}, 60s));
    CHECK(books.ledger.name_of(address("192.0.2.1")) == "b.example");
    CHECK(books.ledger.name_of(address("192.0.2.2")) == "a.example");
  }

  TEST_CASE("a full ledger refuses more without asking the kernel, until admissions run out") {
    Books books({rule(many_ports), rule("a.example")});
    REQUIRE(books.admit("full.example", many_addresses(), 60s));
    CHECK(books.ledger.size() == limits::ledger_entries);
    const auto refused = books.admit("a.example", {address("198.51.100.1")}, 60s);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().exit == Exit::unavailable);
    CHECK(books.kernel.calls == 1);
    CHECK(books.ledger.name_of(address("192.0.2.1")) == "full.example");

    books.now += 60s;
    REQUIRE(books.admit("a.example", {address("198.51.100.1")}, 60s));
    CHECK(books.kernel.held() == "198.51.100.1 443/tcp 60");
    CHECK(books.ledger.size() == 1);
    CHECK(books.ledger.name_of(address("192.0.2.1")).empty());  // its admissions have run out
  }

  TEST_CASE("a full ledger renews what it has: a renewal needs no room") {
    Books books({rule(many_ports)});
    REQUIRE(books.admit("full.example", many_addresses(), 60s));
    books.now += 30s;
    CHECK(books.admit("full.example", {address("192.0.2.1")}, 60s) == books.now + 60s);
    CHECK(books.kernel.held("192.0.2.1 443/") == "192.0.2.1 443/tcp 60");
    CHECK(books.ledger.size() == limits::ledger_entries);
  }

  TEST_CASE("an address may have each name that it was admitted for, and after too many any name") {
    Books books({rule("*.many.example")});
    const auto host = [](size_t number) { return "h" + std::to_string(number) + ".many.example"; };
    CHECK(books.ledger.may_have(address("192.0.2.1"), "a.example"));  // nothing is known of it
    for (size_t i = 0; i < limits::names_of_an_address; ++i) {
      REQUIRE(books.admit(host(i), {address("192.0.2.1")}, 60s));
      REQUIRE(books.admit(host(i), {address("192.0.2.1")}, 60s));
    }
    for (size_t i = 0; i < limits::names_of_an_address; ++i)
      CHECK(books.ledger.may_have(address("192.0.2.1"), host(i)));
    CHECK_FALSE(books.ledger.may_have(address("192.0.2.1"), "a.example"));
    CHECK(books.ledger.may_have(address("192.0.2.2"), "a.example"));
    REQUIRE(books.admit("more.many.example", {address("192.0.2.1")}, 60s));
    CHECK(books.ledger.may_have(address("192.0.2.1"), "a.example"));
    CHECK(books.ledger.name_of(address("192.0.2.1")) == "more.many.example");
    Books continued({rule("a.example"), rule("b.example")}, InitialSets::continued);
    REQUIRE(continued.admit("a.example", {address("192.0.2.1")}, 60s));
    CHECK(continued.ledger.may_have(address("192.0.2.1"), "b.example"));  // perhaps of the earlier gate
  }

  TEST_CASE("an admission with a name and one without are two, and only the latter admits any flow") {
    Books books({rule("a.example"), rule("ssh.example:443/raw"), rule("udp.example:443/udp")});
    REQUIRE(books.admit("a.example", {address("192.0.2.1")}, 600s));
    REQUIRE(books.admit("udp.example", {address("192.0.2.1")}, 600s));
    CHECK_FALSE(books.ledger.admits_any_flow(address("192.0.2.1"), 443, books.now));
    REQUIRE(books.admit("ssh.example", {address("192.0.2.1")}, 60s));
    CHECK(books.ledger.size() == 3);
    CHECK(books.ledger.admits_any_flow(address("192.0.2.1"), 443, books.now));
    CHECK_FALSE(books.ledger.admits_any_flow(address("192.0.2.1"), 444, books.now));
    CHECK_FALSE(books.ledger.admits_any_flow(address("192.0.2.1"), 443, books.now + 60s));
  }
}
