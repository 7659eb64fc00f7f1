#include "ostiary/confine/identity.h"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <unistd.h>

#include "outcome.h"

using namespace ostiary::confine;
using ostiary::error_of;
using ostiary::status_of;

TEST_SUITE("confine/identity") {
  TEST_CASE("a user of the database has the variables of a login") {
    for (const char* spec : {"root", "0", "root:root", "0:0", "root:0", "0:root"}) {
      CAPTURE(spec);
      const auto root = find_identity(spec);
      REQUIRE_MESSAGE(root, error_of(root));
      CHECK(root->uid == 0);
      CHECK(root->gid == 0);
      CHECK(root->name == "root");
      CHECK(root->home == "/root");
      CHECK(root->shell.starts_with("/"));
      CHECK(std::ranges::is_sorted(root->groups));
      CHECK(std::ranges::find(root->groups, 0U) != root->groups.end());
    }
  }

  TEST_CASE("a given group replaces the user's own") {
    const auto root = find_identity("root:54321");
    REQUIRE_MESSAGE(root, error_of(root));
    CHECK(root->gid == 54321);
    CHECK(std::ranges::find(root->groups, 54321U) != root->groups.end());
  }

  TEST_CASE("ids that no database knows are an identity without a home") {
    const auto nameless = find_identity("54321:54322");
    REQUIRE_MESSAGE(nameless, error_of(nameless));
    const Identity expected{
        .uid = 54321, .gid = 54322, .groups = {54322}, .name = "54321", .home = "/", .shell = "/bin/sh"};
    CHECK(*nameless == expected);
    CHECK(find_identity("4294967294:4294967294"));
  }

  TEST_CASE("an unknown user or group is a configuration error that says what to write instead") {
    struct Row {
      const char* spec;
      const char* complaint;
    };
    const std::vector<Row> rows{
        {"", "the user is empty: write NAME, UID or UID:GID"},
        {":0", "the user is empty: write NAME, UID or UID:GID"},
        {"no-such-user", R"(there is no user "no-such-user" here: write a user of /etc/passwd, or UID:GID)"},
        {"-1", R"(there is no user "-1" here: write a user of /etc/passwd, or UID:GID)"},
        {" 0", R"(there is no user " 0" here: write a user of /etc/passwd, or UID:GID)"},
        {"a\nb", R"(there is no user "a\x0ab" here: write a user of /etc/passwd, or UID:GID)"},
        {"54321", "there is no user with id 54321 here: write 54321:GID"},
        {"root:", R"(there is no group "" here: write a group of /etc/group, or a GID)"},
        {"root:no-such-group",
         R"(there is no group "no-such-group" here: write a group of /etc/group, or a GID)"},
        {"0:0:0", R"(there is no group "0:0" here: write a group of /etc/group, or a GID)"},
        {"4294967295:1", R"("4294967295" is not an id from 0 to 4294967294)"},
        {"1:4294967295", R"("4294967295" is not an id from 0 to 4294967294)"},
        {"99999999999999999999:1", R"("99999999999999999999" is not an id from 0 to 4294967294)"},
    };
    for (const Row& row : rows) {
      const auto refused = find_identity(row.spec);
      CHECK(error_of(refused) == row.complaint);
      CHECK(status_of(refused) == 78);
    }
  }

  TEST_CASE("our own identity is the kernel's") {
    const auto own = own_identity();
    REQUIRE_MESSAGE(own, error_of(own));
    CHECK(own->uid == ::geteuid());
    CHECK(own->gid == ::getegid());
  }
}
