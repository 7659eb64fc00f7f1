#include "ostiary/base/path_walk.h"

#include <filesystem>
#include <string>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ostiary/base/read_file.h"
#include "outcome.h"
#include "scratch.h"

using namespace ostiary;
using namespace ostiary::testing;
namespace fs = std::filesystem;

namespace {

constexpr size_t limit = 64;

std::string directory_at(const std::string& path, Follow follow = Follow::links_of_root_or_ours) {
  PathWalk walk(follow);
  return walk.open(path, O_PATH | O_CLOEXEC) ? walk.directory() : "none";
}

}  // namespace

TEST_SUITE("base/path_walk") {
  TEST_CASE("a path leads where the kernel leads it") {
    const Scratch scratch;
    fs::create_directories(scratch.path("real/below"));
    fs::create_directory_symlink("real/below", scratch.path("link"));
    fs::create_directory_symlink(scratch.path("link/.."), scratch.path("again"));
    for (const char* path :
         {"real", "real/", "./real/.", "link/..", "link/../below/..", "again", "again//"}) {
      CAPTURE(path);
      CHECK(directory_at(scratch.path(path)) == scratch.path("real"));
    }
    CHECK(directory_at("/../..") == "/");
    CHECK(directory_at(".") == fs::current_path().string());
  }

  TEST_CASE("a path that the kernel refuses is refused") {
    const Scratch scratch;
    write(scratch.path("file"), "text");
    fs::create_symlink("loop", scratch.path("loop"));
    fs::create_symlink("missing", scratch.path("dangling"));
    for (const char* path :
         {"missing", "file/", "file/.", "file/..", "loop", "loop/x", "dangling", "dangling/x"}) {
      CAPTURE(path);
      const auto text = read_named_file(scratch.path(path), limit);
      CHECK(status_of(text) == 66);
      CHECK(error_of(text).starts_with(scratch.path(path) + ": "));
    }
    const std::string other_type = error_of(read_named_file(scratch.path(""), limit));
    CHECK(other_type == scratch.path("") + ": is not a regular file");
  }

  TEST_CASE("a file is read through links of ours, and by its descriptor after it was removed") {
    const Scratch scratch;
    write(scratch.path("file"), "text");
    fs::create_symlink("file", scratch.path("link"));
    CHECK(read_named_file(scratch.path("link"), limit) == "text");
    const UniqueFd file{::open(scratch.path("file").c_str(), O_RDONLY | O_CLOEXEC)};
    fs::remove(scratch.path("file"));
    for (const char* place : {"/proc/self/fd/", "/dev/fd/", "/proc/thread-self/fd/"})
      CHECK(read_named_file(place + std::to_string(file.get()), limit) == "text");
  }

  TEST_CASE("a link of another user is not followed, and is named") {
    if (::geteuid() != 0) {
      MESSAGE("skipped: only root can give a link to another user");
      return;
    }
    const Scratch scratch;
    fs::create_directory(scratch.path("real"));
    write(scratch.path("real/file"), "text");
    fs::create_directory_symlink("real", scratch.path("link"));
    REQUIRE(::lchown(scratch.path("link").c_str(), 1234, 1234) == 0);
    fs::create_symlink("link/file", scratch.path("ours"));
    for (const char* path : {"link/file", "ours", "real/../link/file"}) {
      CAPTURE(path);
      PathWalk walk(Follow::links_of_root_or_ours);
      CHECK_FALSE(walk.open(scratch.path(path), O_RDONLY | O_CLOEXEC));
      CHECK(walk.unfollowed() == scratch.path("link"));
      CHECK(status_of(read_named_file(scratch.path(path), limit)) == 77);
    }
  }

  TEST_CASE("a link in a directory that others may write to could be another user's") {
    const Scratch scratch;  // below /tmp
    fs::create_directory(scratch.path("real"));
    fs::create_directory_symlink("real", scratch.path("link"));
    PathWalk walk(Follow::links_that_only_root_could_make);
    CHECK_FALSE(walk.open(scratch.path("link/x"), O_PATH | O_CLOEXEC));
    CHECK(walk.unfollowed() == scratch.path("link"));
    CHECK(directory_at(scratch.path("real"), Follow::links_that_only_root_could_make) ==
          scratch.path("real"));
  }

  TEST_CASE("the steps are what was passed, links included, each with its directory") {
    const Scratch scratch;
    fs::create_directory(scratch.path("real"));
    write(scratch.path("real/file"), "");
    fs::create_directory_symlink("real", scratch.path("link"));
    PathWalk walk(Follow::links_of_root_or_ours);
    REQUIRE(walk.open(scratch.path("link/file"), O_PATH | O_CLOEXEC));
    REQUIRE(walk.steps().size() == 5);  // /tmp, the scratch directory, the link, what it leads to, the file
    CHECK(walk.steps()[2].path == scratch.path("link"));
    CHECK(S_ISLNK(walk.steps()[2].entry.st_mode));
    CHECK(walk.steps()[4].path == scratch.path("real/file"));
    CHECK(walk.steps()[4].directory.st_ino == status_of(scratch.path("real")).st_ino);
    CHECK(walk.steps()[4].place == Writable::yes);
  }

  TEST_CASE("a mount point cannot be replaced") {
    PathWalk walk(Follow::links_of_root_or_ours);
    REQUIRE(walk.open("/proc", O_PATH | O_CLOEXEC));
    CHECK(walk.steps().back().place == Writable::no);
  }
}
