#include "ostiary/base/guarded_directory.h"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "ostiary/base/file_lock.h"
#include "outcome.h"
#include "scratch.h"

using namespace ostiary;
using namespace ostiary::testing;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

TEST_SUITE("base/guarded_directory") {
  TEST_CASE("is created if it is missing, and only found if it exists") {
    const Scratch scratch;
    const std::string path = scratch.path("a/b");
    auto found = find_directory(path);
    REQUIRE(found);
    CHECK_FALSE(found->valid());
    CHECK_FALSE(fs::exists(path));
    CHECK(make_guarded_directory(path));
    found = find_directory(path);
    REQUIRE(found);
    CHECK(found->valid());
  }

  TEST_CASE("is refused if other users can write to it, unless they can replace nothing there") {
    const Scratch scratch;
    const std::string path = scratch.path("d");
    fs::create_directory(path);
    REQUIRE(::chmod(path.c_str(), 0777) == 0);
    const auto refused = make_guarded_directory(path);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.contains("chmod it to 0755"));
    REQUIRE(::chmod(path.c_str(), 01777) == 0);
    CHECK(make_guarded_directory(path));
  }

  TEST_CASE("a private directory is made for us alone, in directories that others may see") {
    const Scratch scratch;
    REQUIRE(make_private_directory(scratch.path("a/b")));
    CHECK(mode_of(scratch.path("a")) == 0755);
    CHECK(mode_of(scratch.path("a/b")) == 0700);
    CHECK(make_private_directory(scratch.path("a/b")));
  }

  TEST_CASE("a directory that another user may open is not private, and is left as it is") {
    const Scratch scratch;
    const std::string path = scratch.path("d");
    fs::create_directory(path);
    for (const mode_t mode : {0701U, 0704U, 0710U, 0740U, 0755U, 0777U, 01777U}) {
      REQUIRE(::chmod(path.c_str(), mode) == 0);
      CAPTURE(mode);
      CHECK(error_of(make_private_directory(path)) ==
            path + ": is open to other users: name a new directory in it, or chmod it to 0700");
      CHECK(mode_of(path) == mode);
    }
    REQUIRE(::chmod(path.c_str(), 0700) == 0);
    CHECK(make_private_directory(path));
    fs::create_directory_symlink(path, scratch.path("link"));
    CHECK(error_of(make_private_directory(scratch.path("link"))).contains("is a symbolic link"));
    CHECK(error_of(make_private_directory(scratch.path("link/below"))).contains("is a symbolic link"));
    if (lacks_root()) return;
    REQUIRE(::chown(path.c_str(), 12345, 0) == 0);
    CHECK(error_of(make_private_directory(path)) ==
          path + ": belongs to user 12345: name another directory, or chown it to root and chmod it to 0700");
    CHECK(error_of(make_private_directory(path + "/below")).contains("who could replace its files"));
    CHECK(status_of(path).st_uid == 12345);
  }
}

TEST_SUITE("base/file_lock") {
  TEST_CASE("one holder has the lock, until the last copy of its descriptor is closed") {
    const Scratch scratch;
    write(scratch.path("file"), "");
    const auto open = [&] { return UniqueFd{::open(scratch.path("file").c_str(), O_RDWR | O_CLOEXEC)}; };
    UniqueFd first = open();
    CHECK(lock_file(first, 0ms));
    UniqueFd copy{::fcntl(first.get(), F_DUPFD_CLOEXEC, 0)};
    first = {};
    const UniqueFd second = open();
    CHECK_FALSE(lock_file(second, 2ms));
    CHECK(errno == EWOULDBLOCK);
    copy = {};
    CHECK(lock_file(second, 0ms));
  }
}
