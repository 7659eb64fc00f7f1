#include "boot/helper_reports.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>

#include "audited.h"

using namespace ostiary;
using namespace ostiary::boot;

namespace {

constexpr keeper::HelperDescription description{.name = "clerk",
                                                .process_name = "ostiary-clerk",
                                                .user = 0,
                                                .profile = confine::HelperProfile::gate,
                                                .max_deaths = 1,
                                                .while_absent = "nothing is written"};

}  // namespace

TEST_SUITE("boot/helper_reports") {
  TEST_CASE("the first process of a helper is started, and a later one is restarted too") {
    boot::testing::Audited audited;
    const auto events = report_to(audited.trail, description);
    events.on_begun(7, 0);
    events.on_begun(8, 3);
    CHECK(audited.names() == std::vector<std::string>{"clerk_started", "clerk_started", "clerk_restarted"});
    CHECK(audited.events()[1]["process"] == 8);
    CHECK(audited.events()[2]["process"] == 8);
    CHECK(audited.events()[2]["attempt"] == 3);
  }

  TEST_CASE("a death is reported with its status or its signal") {
    boot::testing::Audited audited;
    const auto events = report_to(audited.trail, description);
    events.on_death(7, W_EXITCODE(69, 0));
    events.on_death(8, W_EXITCODE(0, SIGKILL));
    CHECK(audited.names() == std::vector<std::string>{"clerk_died", "clerk_died"});
    CHECK(audited.events()[0]["status"] == 69);
    CHECK(audited.events()[1]["process"] == 8);
    CHECK(audited.events()[1]["signal"] == SIGKILL);
  }

  TEST_CASE("a restart that failed is reported as a death, with the reason and without a process") {
    boot::testing::Audited audited;
    report_to(audited.trail, description).on_failed_restart({Exit::unavailable, "fork: no process left"});
    CHECK(audited.names() == std::vector<std::string>{"clerk_died"});
    CHECK(audited.events()[0]["why"] == "fork: no process left");
    CHECK_FALSE(audited.events()[0].contains("process"));
    CHECK_FALSE(audited.events()[0].contains("status"));
  }
}
