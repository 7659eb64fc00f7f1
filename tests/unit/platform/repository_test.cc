#include "ostiary/platform/repository.h"

#include <filesystem>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch.h"

using namespace ostiary::platform;
using ostiary::testing::Scratch;
using ostiary::testing::write;

namespace {

std::string config_of(const std::string& url) {
  return "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = " + url +
         "\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n[branch \"main\"]\n\tremote = origin\n";
}

// A working directory with this below its .git.
struct Checkout {
  Checkout() {
    std::filesystem::create_directories(scratch.path("work/.git"));
    write(head, "ref: refs/heads/main\n");
    write(config, config_of("https://host/owner/name.git"));
  }
  std::string read() const {
    const Repository read = read_repository(work);
    return read.name + " " + read.branch;
  }

  Scratch scratch;
  const std::string work = scratch.path("work");
  const std::string head = work + "/.git/HEAD";
  const std::string config = work + "/.git/config";
};

}  // namespace

TEST_SUITE("platform/repository") {
  TEST_CASE("the repository's name is the path of the remote origin's URL") {
    for (const char* url :
         {"https://host/owner/name.git", "https://host/owner/name", "https://host:8443/owner/name.git/",
          "ssh://git@host:22/owner/name.git", "git@host:owner/name.git", "git@host:/owner/name.git",
          "host:owner/name", "https://user:token@host/owner/name.git", "https://token@host/owner/name.git",
          "\"https://host/owner/name.git\"", "https://host/owner/name.git ; a comment",
          "https://host/owner/name.git # a comment", "HTTPS://host/owner/name.git"})
      CHECK_MESSAGE(repository_name(config_of(url)) == "owner/name", url);
    CHECK(repository_name(config_of("https://host/group/sub/name.git")) == "group/sub/name");
    CHECK(repository_name(config_of("https://host/name")) == "name");
  }

  TEST_CASE("a URL of this machine, or with what could be a credential in its path, gives no name") {
    for (const char* url :
         {"/srv/git/name.git", "../name.git", "file:///srv/name.git", "./a:b", "https://host",
          "https://host/", "", "https://user:to/ken@host/owner/name", "user:to@host:owner/name",
          "a:b:owner/name", "https://host/owner/name?private_token=1", "https://host/owner/name%20",
          "https://host/ghp_0123456789abcdefABCDEF/owner/name", "https://host/owner/n\xffme",
          "https://host/owner/name\tother"})
      CHECK_MESSAGE(repository_name(config_of(url)).empty(), url);
  }

  TEST_CASE("only the remote origin counts, with its first URL") {
    CHECK(repository_name("[remote \"other\"]\nurl = https://host/a/b\n").empty());
    CHECK(repository_name("[remote \"origin\"]\npushurl = https://host/a/b\n").empty());
    CHECK(repository_name("[user]\nurl = https://host/a/b\n").empty());
    CHECK(repository_name("url = https://host/a/b\n").empty());
    CHECK(repository_name("  [REMOTE \"origin\"]\r\n URL=https://host/a/b\r\n url = https://host/c/d\r\n") ==
          "a/b");
    CHECK(repository_name("[remote \"origin\"]\n[core]\nurl = https://host/a/b\n").empty());
    CHECK(repository_name("[remote \"origin").empty());
    CHECK(repository_name("").empty());
  }

  TEST_CASE("the branch is that of HEAD, and a detached HEAD has none") {
    CHECK(branch_name("ref: refs/heads/main\n") == "main");
    CHECK(branch_name("ref: refs/heads/feature/one") == "feature/one");
    CHECK(branch_name("8ab46784aaf73b07e45b0a3d7f2b9f0c9a4f1d10\n").empty());
    CHECK(branch_name("ref: refs/tags/v1\n").empty());
    CHECK(branch_name("\nref: refs/heads/main\n").empty());
    CHECK(branch_name("").empty());
  }

  TEST_CASE("both are read below the directory in which the agent starts") {
    Checkout checkout;
    CHECK(checkout.read() == "owner/name main");
    CHECK(read_repository(checkout.work + "/.git").name.empty());
    CHECK(read_repository(checkout.scratch.path("missing")).name.empty());
    std::filesystem::remove(checkout.head);
    CHECK(checkout.read() == "owner/name ");
    std::filesystem::remove(checkout.config);
    CHECK(checkout.read() == " ");
  }

  TEST_CASE("no link of the repository is followed, and no file .git") {
    Checkout checkout;
    std::filesystem::rename(checkout.config, checkout.scratch.path("config"));
    std::filesystem::create_symlink(checkout.scratch.path("config"), checkout.config);
    CHECK(checkout.read() == " main");
    const std::string other = checkout.scratch.path("other");
    std::filesystem::create_directory(other);
    std::filesystem::create_symlink(checkout.work + "/.git", other + "/.git");
    CHECK(read_repository(other).branch.empty());
    std::filesystem::remove(other + "/.git");
    write(other + "/.git", "gitdir: " + checkout.work + "/.git\n");
    CHECK(read_repository(other).branch.empty());
  }

  TEST_CASE("a pipe, a directory or a large file in place of one of them is left alone") {
    Checkout checkout;
    std::filesystem::remove(checkout.head);
    REQUIRE(::mkfifo(checkout.head.c_str(), 0600) == 0);
    write(checkout.config, std::string(70'000, '\n') + config_of("https://host/owner/name"));
    CHECK(checkout.read() == " ");
    std::filesystem::remove(checkout.head);
    std::filesystem::create_directory(checkout.head);
    CHECK(checkout.read() == " ");
  }

  TEST_CASE("a link to the directory is followed if it is root's or ours, and not another user's") {
    Checkout checkout;
    const std::string link = checkout.scratch.path("link");
    std::filesystem::create_symlink(checkout.work, link);
    CHECK(read_repository(link).branch == "main");
    if (::geteuid() != 0) {
      MESSAGE("not root: the link of another user is not tested");
      return;
    }
    REQUIRE(::lchown(link.c_str(), 1000, 1000) == 0);
    CHECK(read_repository(link).branch.empty());
  }
}
