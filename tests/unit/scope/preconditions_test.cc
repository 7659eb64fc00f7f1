#include "ostiary/scope/preconditions.h"

#include <string>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ostiary/base/unique_fd.h"
#include "outcome.h"

using namespace ostiary;
using config::Choice;
using net::NamespaceKind;

namespace {

// No process has this user.
const confine::Identity nobody_here{.uid = 3999999999,
                                    .gid = 3999999999,
                                    .groups = {},
                                    .name = "nobody-here",
                                    .home = "/",
                                    .shell = "/bin/sh"};

std::string refusal(const scope::Scope& scope, NamespaceKind network, Choice in_place = Choice::no,
                    const confine::Identity& agent = nobody_here) {
  const auto checked = check_preconditions(scope, {.network = network, .in_place = in_place, .agent = agent});
  return checked ? "" : error_of(checked);
}

// Replaces standard input until the end of the block.
class StandardInput {
 public:
  explicit StandardInput(const UniqueFd& replacement) : before_(::fcntl(0, F_DUPFD_CLOEXEC, 3)) {
    REQUIRE(replacement.valid());
    REQUIRE(::dup2(replacement.get(), 0) == 0);
  }
  StandardInput(const StandardInput&) = delete;
  StandardInput& operator=(const StandardInput&) = delete;
  ~StandardInput() { ::dup2(before_.get(), 0); }

 private:
  UniqueFd before_;
};

}  // namespace

TEST_SUITE("scope/preconditions") {
  TEST_CASE("container scope refuses the machine's own network, unless the user insists") {
    CHECK(refusal(scope::container, NamespaceKind::machine).contains("insist with --in-place"));
    CHECK(refusal(scope::container, NamespaceKind::machine, Choice::yes).empty());
    CHECK(refusal(scope::container, NamespaceKind::own).empty());
  }

  TEST_CASE("user scope holds one user in the machine's own network") {
    CHECK(refusal(scope::user, NamespaceKind::machine).empty());
  }

  TEST_CASE("user scope refuses a user who has a process already, and container scope does not") {
    confine::Identity ours = nobody_here;
    ours.uid = ::geteuid();
    CHECK(refusal(scope::user, NamespaceKind::own, Choice::no, ours).contains("nobody-here has process "));
    CHECK(refusal(scope::container, NamespaceKind::own, Choice::no, ours).empty());
  }

  TEST_CASE(
      "user scope refuses every network socket as standard input, and container scope none of its network") {
    const UniqueFd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const StandardInput replaced(socket);
    CHECK(refusal(scope::user, NamespaceKind::own).starts_with("standard input is a network socket."));
    if (::geteuid() == 0) CHECK(refusal(scope::container, NamespaceKind::own).empty());
  }

  TEST_CASE("both scopes accept a Unix socket as standard input, and refuse a socket without rules") {
    for (const scope::Scope& each : {scope::container, scope::user}) {
      {
        const StandardInput replaced(UniqueFd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)});
        CHECK(refusal(each, NamespaceKind::own).empty());
      }
      const StandardInput replaced(UniqueFd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0)});
      CHECK(refusal(each, NamespaceKind::own).starts_with("standard input is a network socket."));
    }
  }
}
