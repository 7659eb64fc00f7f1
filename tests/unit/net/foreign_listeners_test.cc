#include "ostiary/net/foreign_listeners.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "few_files.h"
#include "net/hosts.h"
#include "ostiary/base/unique_fd.h"
#include "outcome.h"

using namespace ostiary;
using namespace ostiary::net;

TEST_SUITE("net/foreign_listeners") {
  TEST_CASE("a service of a process in /proc is not foreign, and the search begins with this process") {
    if (!test::can_make_hosts()) return;
    const test::Host host;
    const test::On here(host);
    const UniqueFd service{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    REQUIRE(::listen(service.get(), 1) == 0);
    const auto foreign = find_foreign_listeners();
    REQUIRE(foreign);
    CHECK(foreign->places.empty());
    CHECK(foreign->processes == Seen::wholly);
    CHECK(describe(*foreign).empty());
  }

  TEST_CASE("an open socket is found with its process, whose links can be read") {
    const UniqueFd service{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct stat is{};
    REQUIRE(::fstat(service.get(), &is) == 0);
    std::string link, missing = "x";
    for_each_open_socket([&](const Process& process, uint64_t inode) {
      if (inode != is.st_ino) return Next::go_on;
      link = process.link("fd/" + std::to_string(service.get()));
      missing = process.link("fd/9999");
      return Next::stop;
    });
    CHECK(link == "socket:[" + std::to_string(is.st_ino) + "]");
    CHECK(missing.empty());
  }

  TEST_CASE("a process whose descriptors cannot be listed was not seen") {
    const auto none = [](const Process&, uint64_t) { return Next::go_on; };
    for (const unsigned files : {0U, 1U}) {  // 1: /proc can be listed, and no process below it
      const testing::FewFiles few(files);
      CHECK(for_each_open_socket(none) == Seen::partly);
    }
  }

  TEST_CASE("without /proc no process was seen") {
    if (!test::can_make_hosts()) return;
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      const bool hidden = ::unshare(CLONE_NEWNS) == 0 &&
                          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                          ::mount("none", "/proc", "tmpfs", 0, nullptr) == 0;
      if (!hidden) ::_exit(2);
      ::_exit(for_each_open_socket([](const Process&, uint64_t) { return Next::go_on; }) == Seen::partly ? 0
                                                                                                         : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);
  }

  TEST_CASE("the warning names the places, at most 16, and is unsure if a process was not seen") {
    CHECK(describe({.places = {"127.0.0.1:1", "[::1]:2"}, .processes = Seen::wholly})
              .starts_with("TCP: 127.0.0.1:1, [::1]:2 is served by a process outside of this container"));
    const ForeignListeners many{.places = std::vector<std::string>(20, "[::]:3"), .processes = Seen::partly};
    CHECK(describe(many).contains("[::]:3 and 4 more may be served by "));
  }
}
