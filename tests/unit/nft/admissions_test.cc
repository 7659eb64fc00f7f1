#include "ostiary/nft/admissions.h"

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <nftables/libnftables.h>

#include "net/hosts.h"
#include "nft/client.h"
#include "nft/expiry.h"
#include "nft/fake_admissions.h"
#include "ostiary/nft/table.h"

using namespace ostiary;
using namespace ostiary::nft;
using namespace ostiary::test;
using namespace std::chrono_literals;

namespace {

Admission admission(const std::string& address, std::chrono::seconds lifetime, Prior prior = Prior::unknown) {
  return {*inet::IpAddress::parse(address), IPPROTO_TCP, 443, lifetime, prior};
}

KernelAdmissions open_on_new_table(uint32_t size = limits::admissions) {
  const auto applied = apply({.gate_mark = gate_mark, .gate_port = 5300, .log_group = 5, .admissions = size},
                             Existing::replace);
  if (!applied) FAIL(applied.error().message);
  auto set = KernelAdmissions::open();
  REQUIRE(set);
  return std::move(*set);
}

void check(const Result<>& result) {
  if (!result) FAIL_CHECK(result.error().message);
}

bool about(long value, long expected) {
  return value <= expected && value >= expected - 2;
}

double microseconds_each(size_t count, auto&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count() /
         static_cast<double>(count);
}

std::vector<Admission> many(size_t count) {
  std::vector<Admission> admissions;
  for (size_t i = 0; i < count; ++i)
    admissions.push_back({inet::IpAddress::v4({10, static_cast<uint8_t>(i >> 16U),
                                               static_cast<uint8_t>(i >> 8U), static_cast<uint8_t>(i)}),
                          IPPROTO_TCP, 443, 600s});
  return admissions;
}

}  // namespace

TEST_SUITE("nft/admissions") {
  TEST_CASE("both families are admitted in one call, for their lifetime") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    KernelAdmissions set = open_on_new_table();
    check(set.admit(std::vector{admission("192.0.2.7", 600s), admission("2001:db8::7", 4000s)}));
    CHECK(about(remaining("192.0.2.7"), 600));
    CHECK(about(remaining("2001:db8::7"), 4000));
    check(set.admit({}));
  }

  TEST_CASE("a renewal counts from now, whether or not the caller knew the element") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    KernelAdmissions set = open_on_new_table();
    for (const Prior believed : {Prior::absent, Prior::unknown}) {
      for (const char* address : {"192.0.2.7", "2001:db8::7"}) {
        check(set.revoke(std::vector{admission(address, 1s)}));
        CHECK(remaining(address) == -1);
        check(set.admit(std::vector{admission(address, 100s, believed)}));  // the element is absent
        CHECK(about(remaining(address), 100));
        check(set.admit(
            std::vector{admission(address, 1000s, believed)}));  // the element is present: a longer lifetime
        CHECK(about(remaining(address), 1000));
        check(set.admit(std::vector{admission(address, 50s, believed)}));  // and a shorter one
        CHECK(about(remaining(address), 50));
      }
    }
  }

  TEST_CASE("one call may mix right and wrong assumptions, and repeat an address") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    KernelAdmissions set = open_on_new_table();
    check(set.admit(std::vector{admission("192.0.2.1", 10s), admission("192.0.2.2", 10s)}));
    check(set.admit(std::vector{
        admission("192.0.2.1", 500s, Prior::absent), admission("192.0.2.2", 500s, Prior::unknown),
        admission("192.0.2.3", 500s, Prior::absent), admission("192.0.2.4", 500s, Prior::unknown)}));
    for (const char* address : {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"})
      CHECK(about(remaining(address), 500));
    check(set.admit(std::vector{admission("192.0.2.5", 500s, Prior::absent),
                                admission("192.0.2.5", 600s, Prior::absent)}));
    CHECK(about(remaining("192.0.2.5"), 600));
    check(set.admit(std::vector{admission("192.0.2.5", 500s, Prior::unknown),
                                admission("192.0.2.5", 700s, Prior::unknown)}));
    CHECK(about(remaining("192.0.2.5"), 700));
  }

  TEST_CASE("an element that has expired counts as absent") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    KernelAdmissions set = open_on_new_table();
    check(set.admit(std::vector{admission("192.0.2.7", 60s), admission("192.0.2.8", 60s)}));
    for (const char* address : {"192.0.2.7", "192.0.2.8"}) {
      let_expire(address);
      CHECK(remaining(address) == -1);
    }
    check(set.admit(std::vector{admission("192.0.2.7", 60s, Prior::unknown), admission("192.0.2.8", 60s)}));
    CHECK(about(remaining("192.0.2.7"), 60));
    CHECK(about(remaining("192.0.2.8"), 60));
  }

  TEST_CASE("renewals around the moment of expiry all succeed") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    KernelAdmissions set = open_on_new_table();
    const auto addresses = many(250);
    check(set.admit(addresses));
    std::vector<std::string> texts;
    for (const Admission& each : addresses) texts.push_back(each.address.text());
    shorten(texts, 30ms);
    auto next = std::chrono::steady_clock::now() + 20ms;  // the expiry is 10 ms later
    for (const Admission& each : addresses) {
      std::this_thread::sleep_until(next);
      check(set.admit(std::span(&each, 1)));
      next += 80us;
    }
    for (const char* address : {"10.0.0.0", "10.0.0.249"}) CHECK(about(remaining(address), 600));
  }

  TEST_CASE("revoking removes present elements and ignores absent ones") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    KernelAdmissions set = open_on_new_table();
    check(set.admit(std::vector{admission("192.0.2.1", 60s), admission("2001:db8::1", 60s)}));
    check(set.revoke(std::vector{admission("192.0.2.9", 0s), admission("192.0.2.1", 0s),
                                 admission("2001:db8::9", 0s), admission("2001:db8::1", 0s),
                                 admission("192.0.2.1", 0s)}));
    CHECK(remaining("192.0.2.1") == -1);
    CHECK(remaining("2001:db8::1") == -1);
    check(set.revoke({}));
  }

  TEST_CASE("many admissions use several batches; the error for a full set says so") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    KernelAdmissions set = open_on_new_table(1000);
    check(set.admit(many(1000)));
    check(set.admit(many(1000)));  // only renewals, which need no space
    const auto refused = set.admit(std::vector{admission("192.0.2.1", 60s)});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().exit == Exit::unavailable);
    CHECK(refused.error().message.contains("full"));
    check(set.revoke(many(1000)));
    check(set.admit(std::vector{admission("192.0.2.1", 60s)}));
  }

  TEST_CASE("without the table, nothing is admitted and the error says why") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    auto set = KernelAdmissions::open();
    REQUIRE(set);
    const auto refused = set->admit(std::vector{admission("192.0.2.1", 60s)});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message ==
          "admission of 192.0.2.1 port 443: the table or its set is gone from the kernel");
  }

  TEST_CASE("a lifetime of zero, which the kernel takes as forever, is refused") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    KernelAdmissions set = open_on_new_table();
    CHECK_FALSE(set.admit(std::vector{admission("192.0.2.1", 0s)}));
    CHECK_FALSE(set.admit(std::vector{admission("192.0.2.1", -1s)}));
    CHECK(remaining("192.0.2.1") == -1);
  }

  TEST_CASE("an address can be reached for its lifetime, and an open flow continues") {
    if (!can_make_hosts()) return;
    const Wire wire;
    const UniqueFd listener = bound_in(wire.outside, "192.0.2.2", 443, SOCK_STREAM);
    const On on(wire.inside);
    KernelAdmissions set = open_on_new_table();
    check(set.admit(std::vector{admission("192.0.2.2", 60s)}));
    const Address address("192.0.2.2", 443);
    const UniqueFd flow = make_socket(address, SOCK_STREAM);
    REQUIRE(::connect(flow.get(), address.get(), address.size()) == 0);
    const UniqueFd peer{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    let_expire("192.0.2.2");
    CHECK(tcp_error("192.0.2.2", 443) == ECONNREFUSED);
    REQUIRE(::send(flow.get(), "still", 5, 0) == 5);
    CHECK(receive(peer) == "still");
  }

  TEST_CASE("keeping the admissions keeps their remaining lifetimes") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    KernelAdmissions set = open_on_new_table();
    check(set.admit(std::vector{admission("192.0.2.7", 100s), admission("2001:db8::7", 100s)}));
    const Ruleset rules{.gate_mark = gate_mark, .gate_port = 5301, .log_group = 5};
    REQUIRE(apply(rules, Existing::keep_admissions));
    CHECK(about(remaining("192.0.2.7"), 100));
    CHECK(about(remaining("2001:db8::7"), 100));
    REQUIRE(apply(rules, Existing::replace));
    CHECK(remaining("192.0.2.7") == -1);
  }

  TEST_CASE("the fake admits, revokes and refuses like the kernel") {
    FakeAdmissions set;
    check(set.admit(std::vector{admission("192.0.2.7", 100s)}));
    CHECK(set.admitted.size() == 1);
    check(set.revoke(std::vector{admission("192.0.2.7", 100s)}));
    CHECK(set.admitted.empty());
    set.refuse = true;
    CHECK_FALSE(set.admit(std::vector{admission("192.0.2.7", 100s)}));
  }

  TEST_CASE("prints the cost of an admission") {
    if (!can_make_hosts()) return;
    const Host host;
    const On on(host);
    KernelAdmissions set = open_on_new_table();
    auto admissions = many(5000);
    for (auto& each : admissions) each.prior = Prior::absent;
    const double single = microseconds_each(admissions.size(), [&] {
      for (const auto& each : admissions) check(set.admit(std::span(&each, 1)));
    });
    const double mistaken = microseconds_each(20, [&] {
      for (const auto& each : std::span(admissions).first(20)) check(set.admit(std::span(&each, 1)));
    });
    for (auto& each : admissions) each.prior = Prior::unknown;
    const double renewed = microseconds_each(admissions.size(), [&] {
      for (const auto& each : admissions) check(set.admit(std::span(&each, 1)));
    });
    check(set.revoke(admissions));
    const double unknown = microseconds_each(admissions.size(), [&] {
      for (const auto& each : admissions) check(set.admit(std::span(&each, 1)));
    });
    const double batched = microseconds_each(admissions.size(), [&] { check(set.admit(admissions)); });
    nft_ctx* context = nft_ctx_new(NFT_CTX_DEFAULT);
    const double library = microseconds_each(200, [&] {
      for (int i = 0; i < 200; ++i)
        nft_run_cmd_from_buffer(context, ("add element inet ostiary allow4 { 192.0.2." + std::to_string(i) +
                                          " . tcp . 443 timeout 60s }")
                                             .c_str());
    });
    nft_ctx_free(context);
    MESSAGE("microseconds an admission: " << single << " new, " << unknown << " new for all that is known, "
                                          << renewed << " renewed, " << mistaken
                                          << " renewed but believed absent, " << batched
                                          << " renewed in batches; through libnftables " << library);
  }
}
