#include "ostiary/keeper/descendants.h"

#include <algorithm>
#include <array>
#include <vector>

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outcome.h"

using namespace ostiary::keeper;
using ostiary::error_of;

namespace {

// A child, and a child of that child. Both wait until they are killed.
class Family {
 public:
  Family() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    child_ = ::fork();
    if (child_ == 0) {
      const pid_t own = ::fork();
      if (own > 0 && ::write(ends[1], &own, sizeof own) != sizeof own) ::_exit(1);
      for (;;) ::pause();
    }
    const ssize_t got = ::read(ends[0], &grandchild_, sizeof grandchild_);
    ::close(ends[0]);
    ::close(ends[1]);
    REQUIRE(got == sizeof grandchild_);
  }
  ~Family() {
    ::kill(grandchild_, SIGKILL);
    kill_child();
    ::waitpid(child_, nullptr, 0);
  }
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  pid_t child() const { return child_; }
  pid_t grandchild() const { return grandchild_; }

  // Kills it, and leaves it as a zombie.
  void kill_child() const {
    ::kill(child_, SIGKILL);
    siginfo_t ended{};
    ::waitid(P_PID, static_cast<id_t>(child_), &ended, WEXITED | WNOWAIT);
  }

 private:
  pid_t child_ = -1;
  pid_t grandchild_ = -1;
};

std::vector<pid_t> found(const std::vector<pid_t>& excluded) {
  auto below = descendants(excluded);
  REQUIRE_MESSAGE(below, error_of(below));
  std::ranges::sort(*below);
  return *below;
}

}  // namespace

TEST_SUITE("keeper/descendants") {
  TEST_CASE("finds children and their children, except the excluded tree") {
    CHECK(found({}).empty());
    const Family family;
    std::vector<pid_t> both{family.child(), family.grandchild()};
    std::ranges::sort(both);
    CHECK(found({}) == both);
    CHECK(found({family.child()}).empty());
    CHECK(found({family.grandchild()}) == std::vector<pid_t>{family.child()});
  }

  TEST_CASE("a zombie does not count as a process") {
    const Family family;
    family.kill_child();
    CHECK(found({}).empty());
  }
}
