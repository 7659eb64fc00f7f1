#include "ostiary/keeper/supervisor.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>

using namespace ostiary::keeper;

TEST_SUITE("keeper/supervisor") {
  TEST_CASE("a wait status becomes the status a shell would show") {
    CHECK(exit_status(W_EXITCODE(0, 0)) == 0);
    CHECK(exit_status(W_EXITCODE(3, 0)) == 3);
    CHECK(exit_status(W_EXITCODE(255, 0)) == 255);
    CHECK(exit_status(W_EXITCODE(0, SIGKILL)) == 137);
    CHECK(exit_status(W_EXITCODE(0, SIGTERM)) == 143);
    CHECK(exit_status(W_EXITCODE(0, SIGSEGV) | WCOREFLAG) == 139);
  }
}
