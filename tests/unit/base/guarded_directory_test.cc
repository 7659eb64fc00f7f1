#include "ostiary/base/guarded_directory.h"

#include <filesystem>
#include <string>

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>

using namespace ostiary;
namespace fs = std::filesystem;

TEST_SUITE("base/guarded_directory") {
  TEST_CASE("is made where it is missing, and found only where it is") {
    char scratch[] = "/tmp/guarded_directory_XXXXXX";
    REQUIRE(::mkdtemp(scratch) != nullptr);
    const std::string path = std::string(scratch) + "/a/b";
    auto found = find_directory(path);
    REQUIRE(found);
    CHECK_FALSE(found->valid());
    CHECK_FALSE(fs::exists(path));
    CHECK(make_guarded_directory(path));
    found = find_directory(path);
    REQUIRE(found);
    CHECK(found->valid());
    fs::remove_all(scratch);
  }

  TEST_CASE("is refused where others may write to it, unless they can replace nothing there") {
    char scratch[] = "/tmp/guarded_directory_XXXXXX";
    REQUIRE(::mkdtemp(scratch) != nullptr);
    REQUIRE(::chmod(scratch, 0777) == 0);
    const auto refused = make_guarded_directory(scratch);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.contains("chmod it to 0755"));
    REQUIRE(::chmod(scratch, 01777) == 0);
    CHECK(make_guarded_directory(scratch));
    fs::remove_all(scratch);
  }
}
