#include "selftest/doors.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "few_files.h"
#include "ostiary/base/unique_fd.h"
#include "outcome.h"
#include "scratch.h"
#include "selftest/socket_files.h"
#include "selftest/socket_places.h"

using namespace ostiary;
using namespace ostiary::selftest;

namespace {

std::string root_of(const testing::Scratch& scratch) {
  const std::string path = scratch.path("");
  return path.substr(0, path.size() - 1);
}

UniqueFd bound_socket(const std::string& name, int type) {
  UniqueFd fd{::socket(AF_UNIX, type | SOCK_CLOEXEC, 0)};
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(name.size() < sizeof address.sun_path);
  name.copy(address.sun_path, name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
  if (type != SOCK_DGRAM) REQUIRE(::listen(fd.get(), 1) == 0);
  return fd;
}

Finding try_one(const std::string& name, std::vector<SocketWaiver> waivers = {}) {
  return try_doors({.names = {SocketName(name)}, .not_found = {}, .cut_short = {}, .failure = {}}, {},
                   waivers);
}

SocketWaiver waiver(std::string_view text) {
  const auto parsed = SocketWaiver::parse(text);
  REQUIRE(parsed);
  return *parsed;
}

}  // namespace

TEST_SUITE("selftest/doors") {
  TEST_CASE("a socket of any type that accepts is an escape, with the flag that allows it") {
    const testing::Scratch scratch;
    for (const int type : {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM}) {
      const std::string path = scratch.path("socket") + std::to_string(type);
      const UniqueFd service = bound_socket(path, type);
      const Finding finding = try_one(path);
      CHECK(finding.outcome == Outcome::escaped);
      CHECK(finding.detail.starts_with("the agent can connect to " + path + ", whose service "));
      CHECK(finding.detail.ends_with("--allow-socket " + path));
      CHECK(try_one(path, {waiver(path)}).outcome == Outcome::held);
      CHECK(try_one(path, {waiver(scratch.path("sock*"))}).outcome == Outcome::held);
      CHECK(try_one(path, {waiver(path + "x"), waiver("/run/x*")}).outcome == Outcome::escaped);
    }
  }

  TEST_CASE("a full connection queue is an escape, and a name without a listener is not") {
    const testing::Scratch scratch;
    const std::string path = scratch.path("full");
    {
      const UniqueFd service = bound_socket(path, SOCK_STREAM);
      for (int i = 0; i < 8; ++i) CHECK(try_one(path).outcome == Outcome::escaped);
    }
    CHECK(try_one(path).outcome == Outcome::held);
    CHECK(try_one(scratch.path("missing")).outcome == Outcome::held);
    CHECK(try_one(std::string(200, '/')).outcome == Outcome::held);
  }

  TEST_CASE("abstract names are found and allowed as @name") {
    using namespace std::string_literals;
    const std::string name = "\0ostiary-doors-test"s;
    for (const int type : {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM}) {
      const UniqueFd service = bound_socket(name, type);
      const Doors doors = find_doors("/");
      CHECK(std::ranges::find(doors.names, SocketName(name)) != doors.names.end());
      CHECK(try_one(name).detail.ends_with("--allow-socket @ostiary-doors-test"));
      CHECK(try_one(name, {waiver("@ostiary-doors-*")}).outcome == Outcome::held);
    }
  }

  TEST_CASE("a path is reported and allowed without its symlinks") {
    const testing::Scratch scratch;
    std::filesystem::create_directory(scratch.path("real"));
    std::filesystem::create_directory_symlink(scratch.path("real"), scratch.path("link"));
    const UniqueFd service = bound_socket(scratch.path("real/s"), SOCK_STREAM);
    CHECK(try_one(scratch.path("link/s")).detail.contains(scratch.path("real/s")));
    CHECK(try_one(scratch.path("link/s"), {waiver(scratch.path("real/s"))}).outcome == Outcome::held);
  }

  TEST_CASE("a waiver does not follow a link that another user than root could have made") {
    const testing::Scratch scratch;  // below /tmp, where every user may make one
    std::filesystem::create_directory(scratch.path("real"));
    std::filesystem::create_directory_symlink(scratch.path("real"), scratch.path("link"));
    const UniqueFd service = bound_socket(scratch.path("real/s"), SOCK_STREAM);
    for (const char* text : {"link/s", "link/*"}) {
      const SocketWaiver planted = waiver(scratch.path(text));
      CHECK(try_one(scratch.path("real/s"), {planted}).outcome == Outcome::escaped);
      CHECK(planted.unfollowed_link() == scratch.path("link"));
    }
    for (const std::string& text :
         {scratch.path("real/s"), scratch.path("link"), scratch.path("missing/s"), std::string("@link")})
      CHECK_FALSE(waiver(text).unfollowed_link());
  }

  TEST_CASE("a socket is found where its file is now, not under the name that the kernel lists") {
    const testing::Scratch scratch;
    const auto finds = [](const std::string& path) {
      const Doors doors = find_doors("/");
      return std::ranges::find(doors.names, SocketName(path)) != doors.names.end();
    };
    const std::string deep = scratch.path("1/2/3/4");  // deeper than the search in /tmp
    std::filesystem::create_directories(deep);
    const UniqueFd renamed = bound_socket(deep + "/before", SOCK_STREAM);
    std::filesystem::rename(deep + "/before", deep + "/after");
    CHECK(finds(deep + "/after"));
    const UniqueFd directory{::open(deep.c_str(), O_PATH | O_CLOEXEC)};
    const UniqueFd by_descriptor =
        bound_socket("/proc/self/fd/" + std::to_string(directory.get()) + "/descriptor", SOCK_DGRAM);
    CHECK(finds(deep + "/descriptor"));
    const auto start = std::filesystem::current_path();
    std::filesystem::current_path(deep);
    const UniqueFd relative = bound_socket("relative", SOCK_STREAM);
    CHECK(finds(deep + "/relative"));
    std::filesystem::current_path(start);
    CHECK_FALSE(finds(deep + "/relative"));
    const Doors doors = find_doors("/");
    CHECK(std::ranges::find(doors.not_found, SocketName("relative")) != doors.not_found.end());
  }

  TEST_CASE("a socket that has a further link does not count as found") {
    const testing::Scratch scratch;
    const std::string path = scratch.path("s");
    const UniqueFd service = bound_socket(path, SOCK_STREAM);
    const auto is_found = [&path] {
      const Doors doors = find_doors("/");
      return std::ranges::find(doors.not_found, SocketName(path)) == doors.not_found.end();
    };
    CHECK(is_found());
    std::filesystem::create_hard_link(path, scratch.path("another"));
    CHECK_FALSE(is_found());
  }

  TEST_CASE("nor does one whose file was found by the search, wherever it was bound") {
    const testing::Scratch scratch;
    const std::string path = scratch.path("after");
    const UniqueFd service = bound_socket(scratch.path("before"), SOCK_STREAM);
    std::filesystem::rename(scratch.path("before"), path);
    struct stat is{};
    REQUIRE(::stat(path.c_str(), &is) == 0);
    const net::UnixSocket listed{.name = scratch.path("before"),
                                 .file = net::SocketFile{is.st_dev, static_cast<uint32_t>(is.st_ino)}};
    const auto not_found = [&path](const std::vector<net::UnixSocket>& sockets) {
      return find_places(sockets, {path}).not_found;
    };
    CHECK(not_found({listed}).empty());
    std::filesystem::create_directories(scratch.path("1/2/3/4"));
    std::filesystem::create_hard_link(path, scratch.path("1/2/3/4/another"));
    CHECK(not_found({listed}) == std::vector{SocketName(path)});
    CHECK(not_found({}) == std::vector{SocketName(path)});  // of another network namespace
  }

  TEST_CASE("the flag that the error proposes is one word of a shell, or is left out") {
    const testing::Scratch scratch;
    const auto detail = [&scratch](const char* name) {
      const UniqueFd service = bound_socket(scratch.path(name), SOCK_STREAM);
      return try_one(scratch.path(name)).detail;
    };
    CHECK(detail("a;id $(id)").ends_with("--allow-socket '" + scratch.path("a;id $(id)") + "'"));
    for (const char* name : {"a';id;'", "a,b", "a*"}) CHECK(detail(name).ends_with("or remove the socket"));
  }

  TEST_CASE("a socket that was not found is a warning, not an escape") {
    const Finding finding = try_doors(
        {.names = {}, .not_found = {SocketName("a"), SocketName("/b\n")}, .cut_short = {}, .failure = {}}, {},
        {});
    CHECK(finding.outcome == Outcome::held);
    CHECK(finding.detail == "none of 0 lets the agent in; a, /b\\x0a could not be found, so not tried");
    REQUIRE(finding.warnings.size() == 1);
    CHECK(finding.warnings[0].contains(": a, /b\\x0a. "));
  }

  TEST_CASE("a place that was cut short is a warning only if the agent can write there") {
    const testing::Scratch scratch;
    const auto warnings = [](std::vector<std::string> searched) {
      return try_doors({.names = {}, .not_found = {}, .cut_short = {{"/place", searched}}, .failure = {}}, {},
                       {})
          .warnings;
    };
    CHECK(warnings({"/proc", root_of(scratch)}).size() == 1);
    CHECK(warnings({"/missing"}).empty());
  }

  TEST_CASE("a directory that cannot be opened is a warning, unless it is gone or the agent searches it") {
    const testing::Scratch scratch;
    std::filesystem::create_directory(scratch.path("d"));
    const auto search = [&scratch] { return find_socket_files({root_of(scratch)}, {}); };
    CHECK(search().unread.empty());
    CHECK(find_socket_files({scratch.path("gone")}, {{scratch.path("gone"), "tmpfs"}}).unread.empty());
    const SocketFiles found = [&] {
      const testing::FewFiles none(0);
      return search();
    }();
    REQUIRE(found.unread.size() == 1);
    CHECK(found.unread[0].place == root_of(scratch));
    CHECK(found.unread[0].error == EMFILE);
    const Finding finding = try_doors({.unread = found.unread}, {}, {});
    CHECK(finding.outcome == Outcome::held);
    CHECK(finding.detail.ends_with("; not all of " + root_of(scratch) + " (Too many open files) was read"));
    REQUIRE(finding.warnings.size() == 1);
    CHECK(finding.warnings[0].starts_with("the self-test could not read all of " + root_of(scratch)));
  }

  TEST_CASE("a search of the agent that failed, was cut short or could not read a place counts too") {
    const testing::Scratch scratch;
    const Doors closed{.has_closed_directories = true};
    CHECK(try_doors(closed, {.failure = "why"}, {}).outcome == Outcome::escaped);
    const CutShort filled{root_of(scratch), {root_of(scratch)}};
    CHECK(try_doors(closed, {.cut_short = {filled}}, {}).warnings.size() == 1);
    CHECK(try_doors({.cut_short = {filled}}, {.cut_short = {filled}}, {}).detail ==
          "none of 0 lets the agent in; " + root_of(scratch) + " holds more than was searched");
    CHECK(try_doors(closed, {.unread = {{"/place", EIO}}}, {}).warnings.size() == 1);
    const CutShort closed_part{root_of(scratch), {"/missing"}};
    CHECK(try_doors({.cut_short = {closed_part}}, {.cut_short = {filled}}, {}).warnings.size() == 1);
  }

  TEST_CASE("files that are no sockets do not end a search") {
    const testing::Scratch scratch;
    const UniqueFd service = bound_socket(scratch.path("s"), SOCK_STREAM);
    for (size_t i = 0; i <= limits::brief.entries; ++i)
      testing::write(scratch.path("f" + std::to_string(i)), "");
    const SocketFiles found = find_socket_files({}, {{root_of(scratch), "tmpfs"}});
    CHECK(found.paths == std::vector<std::string>{scratch.path("s")});
    CHECK(found.cut_short.empty());
    for (size_t i = found.paths.size(); i < limits::brief.directories + 1; ++i)
      std::filesystem::create_directory(scratch.path("d" + std::to_string(i)));
    CHECK(find_socket_files({}, {{root_of(scratch), "tmpfs"}}).cut_short.size() == 1);
  }

  TEST_CASE("a directory that cannot be listed does not count as held") {
    CHECK(try_doors({.names = {}, .not_found = {}, .cut_short = {}, .failure = "why"}, {}, {}).outcome ==
          Outcome::escaped);
  }

  TEST_CASE("a waiver is an absolute path or an abstract name") {
    for (const char* good : {"/run/docker.sock", "@name", "/tmp/vscode-ipc-*", "@x*"})
      CHECK(SocketWaiver::parse(good));
    for (const char* bad : {"", "docker.sock", "/", "@", "/*", "@*", "/run/*/bus", "/run/a\nb"})
      CHECK_FALSE(SocketWaiver::parse(bad));
  }

  TEST_CASE("sockets are found up to a depth, and a deeper directory is named") {
    const testing::Scratch scratch;
    const std::string deep = scratch.path("1/2/3");
    std::filesystem::create_directories(deep + "/4");
    const UniqueFd found = bound_socket(deep + "/s", SOCK_DGRAM);
    const UniqueFd too_deep = bound_socket(deep + "/4/s", SOCK_DGRAM);
    CHECK(find_socket_files({root_of(scratch)}, {}).paths == std::vector<std::string>{deep + "/s"});
    CHECK(find_socket_files({root_of(scratch)}, {{deep, "nfs"}}).paths.empty());
    CHECK(find_socket_files({}, {{deep, "ext4"}}).paths.size() == 2);
    CHECK(find_socket_files({}, {{deep + "/s", "tmpfs"}}).paths == std::vector<std::string>{deep + "/s"});
    CHECK(find_socket_files({root_of(scratch)}, {}).cut_short.empty());
    for (size_t i = 0; i < limits::thorough.directories; ++i)
      std::filesystem::create_directory(scratch.path(std::to_string(i + 10)));
    const auto cut_short = find_socket_files({root_of(scratch)}, {}).cut_short;
    REQUIRE(cut_short.size() == 1);
    CHECK(cut_short[0].place == root_of(scratch));
    CHECK(cut_short[0].searched.size() <= limits::thorough.directories + 1);
  }
}
