#include "boot/audit_trail.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "audited.h"

using namespace ostiary;
using namespace ostiary::boot;
using ostiary::boot::testing::Audited;

TEST_SUITE("boot/audit_trail") {
  TEST_CASE("when a file is nearly full, a new one begins, and every helper that shares the audit gets it") {
    constexpr auto bound = audit::FileBound::of_file(10'000);
    Audited audited(bound);
    std::vector<std::string> got;
    for (const char* helper : {"first", "second"})
      audited.trail.share_with([&got, helper, &audited](int file) {
        got.push_back(std::string(helper) + (file == audited.trail.fd() ? " the new file" : " another"));
      });
    for (int i = 0; i < 1000 && got.empty(); ++i) audited.trail.record(audit::DenyOther{1});
    CHECK(got == std::vector<std::string>{"first the new file", "second the new file"});
    CHECK(audited.names().front() == "rotated");
    CHECK(bound.is_due(ostiary::testing::content_of(audited.path() + ".1").size()));
  }

  TEST_CASE("a helper that asks for a new file before one is due gets the present one") {
    Audited audited(audit::FileBound::of_file(10'000));
    int got = -1;
    audited.trail.share_with([&got](int file) { got = file; });
    audited.trail.record(audit::DenyOther{1});
    audited.trail.begin_new_file();
    CHECK(got == audited.trail.fd());
    CHECK(audited.names() == std::vector<std::string>{"deny"});
  }

  TEST_CASE("the relay gets the lines of the keeper and of the gate, also those of before it began") {
    Audited audited;
    CHECK(audited.trail.senders_end() == -1);
    REQUIRE(audited.trail.copy_to_relay());
    audited.trail.record(audit::DenyOther{1});
    REQUIRE(::send(audited.trail.senders_end(), "of the gate\n", 12, 0) > 0);
    const UniqueFd relay(::fcntl(audited.trail.relays_end(), F_DUPFD_CLOEXEC, 0));
    const auto of_keeper = link::receive_audit_lines(relay);
    REQUIRE(of_keeper);
    CHECK(*of_keeper == ostiary::testing::content_of(audited.path()));
    CHECK(link::receive_audit_lines(relay) == "of the gate\n");
  }

  TEST_CASE("without a gate and without a setting there is no audit") {
    const auto trail = AuditTrail::open(plan::Outputs{});
    REQUIRE(trail);
    CHECK(trail->fd() == -1);
  }

  TEST_CASE("a target that cannot be opened is an error that names the setting") {
    plan::Outputs outputs;
    outputs.audit = {.target = audit::ToDescriptor{987}, .origin = "--audit"};
    const auto trail = AuditTrail::open(outputs);
    CHECK(error_of(trail).starts_with("--audit: the audit's descriptor 987: is not open"));
  }
}
