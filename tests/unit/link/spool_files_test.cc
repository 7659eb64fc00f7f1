#include "ostiary/link/spool_files.h"

#include <algorithm>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outcome.h"
#include "scratch.h"

using namespace ostiary;
using namespace ostiary::relay;
using namespace ostiary::testing;
using namespace std::chrono_literals;
using telemetry::Protocol;
using telemetry::Signal;
namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

namespace {

CollectorSetup collector(const std::string& host = "c.example") {
  return {.server = {.scheme = inet::Scheme::https,
                     .destination = {.host = inet::parse_host(host).value(), .port = 4318}},
          .authority = host,
          .protocol = Protocol::http_protobuf,
          .paths = {{Signal::traces, "/base/v1/traces"}, {Signal::logs, "/base/v1/logs"}}};
}

Result<SpoolFiles> open(const std::string& directory,
                        const std::vector<CollectorSetup>& collectors = {collector()}) {
  return open_spool_files(directory, collectors, 0ms);
}

}  // namespace

TEST_SUITE("link/spool_files") {
  TEST_CASE("a name says which server, protocol and signals, and is the same at each boot") {
    CHECK(spool_name(collector()) == "https-c.example-4318-http_protobuf-traces-logs-73dafa9088958844.spool");
    CHECK(spool_name(collector("2001:db8::1"))
              .starts_with("https-2001_db8__1-4318-http_protobuf-traces-logs-"));
    CollectorSetup same = collector();
    same.compression = telemetry::Compression::gzip;  // each post says how it is compressed
    same.authority = "other";
    CHECK(spool_name(same) == spool_name(collector()));
  }

  TEST_CASE("another server, port, protocol, signal or path has another file") {
    Strings names{spool_name(collector())};
    const auto add = [&names](auto change) {
      CollectorSetup other = collector();
      change(other);
      names.push_back(spool_name(other));
    };
    add([](CollectorSetup& each) { each.server.scheme = inet::Scheme::http; });
    add([](CollectorSetup& each) { each.server.destination.host = inet::parse_host("d.example").value(); });
    add([](CollectorSetup& each) { each.server.destination.port = 4317; });
    add([](CollectorSetup& each) { each.protocol = Protocol::grpc; });
    add([](CollectorSetup& each) { each.paths.erase(Signal::logs); });
    add([](CollectorSetup& each) { each.paths[Signal::metrics] = "/base/v1/metrics"; });
    add([](CollectorSetup& each) { each.paths[Signal::logs] = "/other/v1/logs"; });
    const std::string label(60, 'a');
    const std::string long_host = label + "." + label + "." + label + "." + label;
    for (const char* end : {".b", ".c"})
      add([&](CollectorSetup& each) {
        each.server.destination.host = inet::parse_host(long_host + end).value();
      });
    std::ranges::sort(names);
    CHECK(std::ranges::adjacent_find(names) == names.end());
    for (const std::string& name : names) {
      CHECK(name.size() <= 200);
      CHECK(std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
      }));
    }
  }

  TEST_CASE("the directory and the files are made for us alone, and no program inherits them") {
    const Scratch scratch;
    const std::string directory = scratch.path("a/spool");
    const auto spools = open(directory, {collector(), collector("d.example")});
    REQUIRE_MESSAGE(spools, error_of(spools));
    REQUIRE(spools->files.size() == 2);
    CHECK(mode_of(directory) == 0700);
    for (const char* host : {"c.example", "d.example"})
      CHECK(mode_of(directory + "/" + spool_name(collector(host))) == 0600);
    for (const UniqueFd& file : spools->files) CHECK((::fcntl(file.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(spools->others.empty());
  }

  TEST_CASE("a file has the content of before, and its mode is corrected") {
    const Scratch scratch;
    const std::string path = scratch.path("spool/" + spool_name(collector()));
    REQUIRE(open(scratch.path("spool")));
    write(path, "of before");
    REQUIRE(::chmod(path.c_str(), 0666) == 0);
    const auto spools = open(scratch.path("spool"));
    REQUIRE(spools);
    char content[16] = {};
    CHECK(::pread(spools->files[0].get(), content, sizeof content, 0) == 9);
    CHECK(std::string(content) == "of before");
    CHECK(mode_of(path) == 0600);
  }

  TEST_CASE("a directory that others can open is refused, and nothing is made there") {
    const Scratch scratch;
    fs::create_directory(scratch.path("spool"));
    REQUIRE(::chmod(scratch.path("spool").c_str(), 0755) == 0);
    const auto refused = open(scratch.path("spool"));
    CHECK(status_of(refused) == 77);
    CHECK(error_of(refused).contains("is open to other users"));
    CHECK(fs::is_empty(scratch.path("spool")));
  }

  TEST_CASE("a file that is a link, a directory, a pipe, of another user or has a second name is refused") {
    const Scratch scratch;
    const std::string path = scratch.path("spool/" + spool_name(collector()));
    REQUIRE(open(scratch.path("spool")));
    const auto check_refused = [&](const char* why) {
      const auto refused = open(scratch.path("spool"));
      CHECK(status_of(refused) == 77);
      CHECK(error_of(refused).starts_with(path + ": " + why));
    };
    write(scratch.path("victim"), "precious");
    fs::create_hard_link(path, scratch.path("second"));
    check_refused("has a second hard link");
    fs::remove(path);
    fs::create_symlink(scratch.path("victim"), path);
    check_refused("is not a regular file");
    fs::remove(path);
    fs::create_directory(path);
    check_refused("is not a regular file");
    fs::remove(path);
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    check_refused("is not a regular file");
    CHECK(content_of(scratch.path("victim")) == "precious");
    if (lacks_root()) return;
    fs::remove(path);
    write(path, "");
    REQUIRE(::chown(path.c_str(), 12345, 12345) == 0);
    check_refused("belongs to user 12345");
  }

  TEST_CASE("a file that another process has open is refused, until the last one has closed it") {
    const Scratch scratch;
    auto first = open(scratch.path("spool"));
    REQUIRE(first);
    const UniqueFd of_a_relay{::fcntl(first->files[0].get(), F_DUPFD_CLOEXEC, 0)};
    first->files.clear();
    const auto second = open(scratch.path("spool"));
    CHECK(status_of(second) == 69);
    CHECK(error_of(second).ends_with("another ostiary uses it: name another directory"));
    CHECK(open(scratch.path("spool"), {collector("d.example")}));
  }

  TEST_CASE("files of other collectors are named with their size, and left alone") {
    const Scratch scratch;
    REQUIRE(open(scratch.path("spool"), {collector("d.example"), collector("e.example")}));
    const std::string left = spool_name(collector("d.example"));
    write(scratch.path("spool/" + left), std::string(5000, 'x'));
    write(scratch.path("spool/notes"), "not ours");
    const auto spools = open(scratch.path("spool"));
    REQUIRE(spools);
    CHECK(spools->others == Strings{left + " (8 KiB)"});
    CHECK(content_of(scratch.path("spool/" + left)).size() == 5000);
    CHECK(content_of(scratch.path("spool/notes")) == "not ours");
  }
}
