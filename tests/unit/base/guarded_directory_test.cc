#include "ostiary/base/guarded_directory.h"

#include <filesystem>
#include <string>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "scratch.h"

using namespace ostiary;
using namespace ostiary::testing;
namespace fs = std::filesystem;

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
}
