#include "ostiary/base/replace_file.h"

#include <filesystem>
#include <string>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

using namespace ostiary;
using namespace ostiary::testing;
namespace fs = std::filesystem;

namespace {

constexpr uid_t other_user = 12345;

Result<> replace(const std::string& directory, std::string_view content) {
  return replace_file(directory.c_str(), "file", content, 0600);
}

}  // namespace

TEST_SUITE("base/replace_file") {
  TEST_CASE("makes the directories and the file with their modes for any umask") {
    const Scratch scratch;
    const mode_t before = ::umask(0077);
    CHECK(replace(scratch.path("a/b"), "one"));
    ::umask(before);
    CHECK(content_of(scratch.path("a/b/file")) == "one");
    CHECK(mode_of(scratch.path("a/b/file")) == 0600);
    CHECK(mode_of(scratch.path("a")) == 0755);
    CHECK(mode_of(scratch.path("a/b")) == 0755);
    CHECK(replace_file(scratch.path("/a//b/").c_str(), "file", std::string(100'000, 'x'), 0644));
    CHECK(content_of(scratch.path("a/b/file")).size() == 100'000);
    CHECK(mode_of(scratch.path("a/b/file")) == 0644);
    CHECK(std::distance(fs::directory_iterator(scratch.path("a/b")), {}) == 1);
  }

  TEST_CASE("replaces a symlink and does not change its target") {
    const Scratch scratch;
    fs::create_directory(scratch.path("d"));
    write(scratch.path("victim"), "precious");
    fs::create_symlink(scratch.path("victim"), scratch.path("d/file"));
    CHECK(replace(scratch.path("d"), "new"));
    CHECK(content_of(scratch.path("victim")) == "precious");
    CHECK(fs::is_regular_file(fs::symlink_status(scratch.path("d/file"))));
    fs::remove(scratch.path("d/file"));
    fs::create_hard_link(scratch.path("victim"), scratch.path("d/file"));
    CHECK(replace(scratch.path("d"), "newer"));
    CHECK(content_of(scratch.path("victim")) == "precious");
    CHECK(content_of(scratch.path("d/file")) == "newer");
  }

  TEST_CASE("is not misled by an existing file with the temporary name") {
    const Scratch scratch;
    fs::create_directory(scratch.path("d"));
    write(scratch.path("victim"), "precious");
    fs::create_symlink(scratch.path("victim"), scratch.path("d/.file.new"));
    CHECK(replace(scratch.path("d"), "new"));
    CHECK(content_of(scratch.path("victim")) == "precious");
    CHECK(content_of(scratch.path("d/file")) == "new");
    fs::create_directory(scratch.path("d/.file.new"));
    const auto refused = replace(scratch.path("d"), "newer");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.contains("d/.file.new: is a directory"));
    CHECK(content_of(scratch.path("d/file")) == "new");
  }

  TEST_CASE("follows no symlink in the path") {
    const Scratch scratch;
    fs::create_directories(scratch.path("real/d"));
    fs::create_directory_symlink(scratch.path("real"), scratch.path("link"));
    fs::create_directory_symlink(scratch.path("real/d"), scratch.path("last"));
    fs::create_directory_symlink(scratch.path("nowhere"), scratch.path("dangling"));
    write(scratch.path("plain"), "");
    for (const char* path : {"link/d", "link", "last", "dangling", "dangling/d", "plain", "plain/d"}) {
      const auto refused = replace(scratch.path(path), "x");
      REQUIRE_MESSAGE(!refused, path);
      CHECK(refused.error().message.contains("is a symbolic link or a file"));
      CHECK(refused.error().exit == Exit::not_permitted);
    }
    CHECK(fs::is_empty(scratch.path("real/d")));
    CHECK_FALSE(fs::exists(scratch.path("nowhere")));
  }

  TEST_CASE("does not replace a directory, and leaves no temporary file") {
    const Scratch scratch;
    fs::create_directories(scratch.path("d/file"));
    const auto refused = replace(scratch.path("d"), "x");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.contains("d/file: is a directory"));
    CHECK_FALSE(fs::exists(scratch.path("d/.file.new")));
  }

  TEST_CASE("removes other users' write permission from our directory") {
    const Scratch scratch;
    fs::create_directory(scratch.path("d"));
    REQUIRE(::chmod(scratch.path("d").c_str(), 0777) == 0);
    CHECK(replace(scratch.path("d"), "x"));
    CHECK(mode_of(scratch.path("d")) == 0755);
    REQUIRE(::chmod(scratch.path("d").c_str(), 01777) == 0);
    CHECK_FALSE(replace(scratch.path("d"), "y"));
    CHECK(mode_of(scratch.path("d")) == 01777);
  }

  TEST_CASE("takes over a directory of another user") {
    if (lacks_root()) return;
    const Scratch scratch;
    fs::create_directory(scratch.path("d"));
    write(scratch.path("d/file"), "theirs");
    write(scratch.path("d/.file.new"), "theirs");
    for (const char* path : {"d", "d/file", "d/.file.new"})
      REQUIRE(::chown(scratch.path(path).c_str(), other_user, other_user) == 0);
    CHECK(replace(scratch.path("d"), "ours"));
    CHECK(content_of(scratch.path("d/file")) == "ours");
    for (const char* path : {"d", "d/file"}) {
      CHECK(status_of(scratch.path(path)).st_uid == ::geteuid());
      CHECK(status_of(scratch.path(path)).st_gid == ::getegid());
    }
    CHECK(mode_of(scratch.path("d")) == 0755);
    CHECK(mode_of(scratch.path("d/file")) == 0600);
  }

  TEST_CASE("refuses a directory that another user could replace from its parent") {
    const Scratch scratch;
    fs::create_directories(scratch.path("up/d"));
    REQUIRE(::chmod(scratch.path("up").c_str(), 0775) == 0);
    const auto writable = replace(scratch.path("up/d"), "x");
    REQUIRE_FALSE(writable);
    CHECK(writable.error().message.contains("chmod it to 0755"));
    if (lacks_root()) return;
    REQUIRE(::chmod(scratch.path("up").c_str(), 0755) == 0);
    REQUIRE(::chown(scratch.path("up").c_str(), other_user, other_user) == 0);
    const auto owned = replace(scratch.path("up/d"), "x");
    REQUIRE_FALSE(owned);
    CHECK(owned.error().message.contains("belongs to user 12345"));
    CHECK(fs::is_empty(scratch.path("up/d")));
  }

  TEST_CASE("refuses paths that are not a directory and a name") {
    for (const char* directory : {"", "relative", "/", "//", "/tmp/../tmp/x", "/tmp/./x"})
      CHECK_MESSAGE(!replace_file(directory, "file", "x", 0600), directory);
    const Scratch scratch;
    for (const char* name : {"", ".", "..", "a/b", "/a"})
      CHECK_MESSAGE(!replace_file(scratch.path("d").c_str(), name, "x", 0600), name);
    CHECK_FALSE(fs::exists(scratch.path("d")));
  }

  TEST_CASE("removes a file or a symlink, and succeeds if there is none") {
    const Scratch scratch;
    CHECK(remove_file(scratch.path("nowhere/d").c_str(), "file"));
    CHECK_FALSE(fs::exists(scratch.path("nowhere")));
    CHECK(replace(scratch.path("d"), "x"));
    CHECK(remove_file(scratch.path("d").c_str(), "file"));
    CHECK(remove_file(scratch.path("d").c_str(), "file"));
    CHECK(fs::is_empty(scratch.path("d")));
    write(scratch.path("victim"), "precious");
    fs::create_symlink(scratch.path("victim"), scratch.path("d/file"));
    CHECK(remove_file(scratch.path("d").c_str(), "file"));
    CHECK(content_of(scratch.path("victim")) == "precious");
    fs::create_directory(scratch.path("d/file"));
    CHECK_FALSE(remove_file(scratch.path("d").c_str(), "file"));
    fs::create_directory_symlink(scratch.path("d"), scratch.path("link"));
    CHECK_FALSE(remove_file(scratch.path("link").c_str(), "file"));
  }
}
