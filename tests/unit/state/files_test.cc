#include "ostiary/state/files.h"

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "ostiary/base/unique_fd.h"
#include "outcome.h"
#include "scratch.h"

using namespace ostiary::state;
using namespace ostiary::testing;
using ostiary::error_of;
using ostiary::UniqueFd;
namespace fs = std::filesystem;

namespace {

FoundDirectory find(const std::string& path) {
  auto found = FoundDirectory::find(path);
  REQUIRE_MESSAGE(found, error_of(found));
  return *std::move(found);
}

}  // namespace

TEST_SUITE("state/files") {
  TEST_CASE("one boot at a time has the lock") {
    const Scratch scratch;
    const std::string path = scratch.path("d");
    CHECK_FALSE(find(path).is_claimed().value());
    {
      const auto first = Directory::claim(path);
      REQUIRE_MESSAGE(first, error_of(first));
      CHECK(error_of(Directory::claim(path)).contains("ostiary runs here already"));
      CHECK(find(path).is_claimed().value());
    }
    CHECK_FALSE(find(path).is_claimed().value());
    CHECK(Directory::claim(path));
  }

  TEST_CASE("a command that looks at the lock for a moment does not stop a boot") {
    const Scratch scratch;
    const std::string path = scratch.path("d");
    REQUIRE(Directory::claim(path));
    const UniqueFd lock{::open((path + "/lock").c_str(), O_RDONLY | O_CLOEXEC)};
    REQUIRE(::flock(lock.get(), LOCK_SH) == 0);
    std::thread looking([&lock] {
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
      ::flock(lock.get(), LOCK_UN);
    });
    const auto boot = Directory::claim(path);
    looking.join();
    CHECK_MESSAGE(boot, error_of(boot));
  }

  TEST_CASE("other commands read what the boot wrote, and nothing that it removed") {
    if (lacks_root()) return;
    const Scratch scratch;
    const std::string path = scratch.path("d");
    CHECK(error_of(find(path).read(session_name)) ==
          "there is no " + path + "/session: no boot has written it: start one with ostiary run");
    const auto boot = Directory::claim(path);
    REQUIRE_MESSAGE(boot, error_of(boot));
    ostiary::confine::Identity node;
    node.name = "node";
    REQUIRE(boot->write_session(node, "/work", "4:40", {}));
    Status status;
    status.gate = "on";
    REQUIRE(boot->write_status(status));
    const FoundDirectory found = find(path);
    CHECK(parse_session(found.read(session_name).value())->identity.name == "node");
    CHECK(found.read(status_name).value().contains(R"("gate": "on")"));
    REQUIRE(boot->remove_stale_files());
    CHECK_FALSE(found.has(session_name));
    CHECK_FALSE(found.has(status_name));
    CHECK(found.has(lock_name));
  }

  // The agent may be root, and move the directory.
  TEST_CASE("a boot writes into the directory that it claimed, not into another of that name") {
    const Scratch scratch;
    const auto boot = Directory::claim(scratch.path("d"));
    REQUIRE_MESSAGE(boot, error_of(boot));
    fs::rename(scratch.path("d"), scratch.path("moved"));
    fs::create_directory(scratch.path("d"));
    REQUIRE(boot->write_status({}));
    CHECK(fs::is_empty(scratch.path("d")));
    CHECK(fs::exists(scratch.path("moved/status.json")));
  }

  TEST_CASE("a link in place of the directory, or of a file in it, is refused") {
    if (lacks_root()) return;
    const Scratch scratch;
    fs::create_directory(scratch.path("elsewhere"));
    write(scratch.path("elsewhere/session"), "");
    fs::create_directory_symlink(scratch.path("elsewhere"), scratch.path("link"));
    CHECK(error_of(Directory::claim(scratch.path("link"))).contains("is a symbolic link"));
    CHECK(error_of(FoundDirectory::find(scratch.path("link"))).contains("is a symbolic link"));
    fs::create_directory(scratch.path("d"));
    for (const char* name : {session_name, lock_name})
      fs::create_symlink(scratch.path("elsewhere/session"), scratch.path(std::string("d/") + name));
    CHECK_FALSE(find(scratch.path("d")).read(session_name));
    CHECK(error_of(find(scratch.path("d")).is_claimed()).contains("/lock: "));
    CHECK(error_of(Directory::claim(scratch.path("d"))).ends_with(": remove it"));
  }
}
