#include "ostiary/net/resolver_file.h"

#include <string>
#include <utility>

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>

#include "outcome.h"
#include "scratch.h"

using namespace ostiary;
using namespace ostiary::net;
using namespace ostiary::testing;

namespace {

const std::string original = "nameserver 192.0.2.53\nsearch corp.example\n";
const std::string agents_text = "nameserver 203.0.113.66\n";

// While it exists, no write reaches beyond this size of a file, as on a full file system.
class SizeLimit {
 public:
  explicit SizeLimit(size_t size) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    signal_before_ = ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = size, .rlim_max = before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  SizeLimit(const SizeLimit&) = delete;
  SizeLimit& operator=(const SizeLimit&) = delete;
  ~SizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, signal_before_);
  }

 private:
  rlimit before_{};
  sighandler_t signal_before_ = SIG_DFL;
};

struct File {
  explicit File(std::string_view text) { write(path, text); }
  std::string text() const { return content_of(path); }
  ResolverFile read() const {
    auto file = ResolverFile::read(path);
    REQUIRE(file);
    return *std::move(file);
  }
  ResolverFile pointed() const {
    auto file = read();
    REQUIRE(file.point_at_gate());
    return file;
  }

  Scratch scratch;
  std::string path = scratch.path("resolv.conf");
};

}  // namespace

TEST_SUITE("net/resolver_file") {
  TEST_CASE("the file is pointed at the gate and put back") {
    const File file(original);
    const auto resolver = file.pointed();
    CHECK(file.text() == pointed_at_gate(original));
    CHECK(original_of(file.text()) == original);
    CHECK(resolver.put_back());
    CHECK(file.text() == original);
  }

  TEST_CASE("the file says who wrote it, and where the original is") {
    CHECK(pointed_at_gate(original) ==
          "# Written by ostiary. The original lines follow, each after '#ostiary '.\n"
          "nameserver 127.0.0.1\nsearch corp.example\n"
          "#ostiary nameserver 192.0.2.53\n#ostiary search corp.example\n");
  }

  TEST_CASE("the original is found in a file that another version of ostiary wrote") {
    const File file(
        "# The gate of ostiary answers here; what was here before is behind #ostiary.\n"
        "nameserver 127.0.0.1\nsearch corp.example\n"
        "#ostiary nameserver 192.0.2.53\n#ostiary search corp.example\n");
    CHECK(file.read().original() == original);
    CHECK(file.pointed().put_back());
    CHECK(file.text() == original);
  }

  TEST_CASE("the text that points at the gate is longer than every original") {
    for (const std::string& text :
         {std::string(), std::string("\n"), std::string("x"), std::string(1000, '\n'), original})
      CHECK(pointed_at_gate(text).size() > text.size());
  }

  TEST_CASE("an original that the file cannot hold beside the gate's lines stays in it") {
    const size_t longer = pointed_at_gate(original).size();
    for (size_t size = 0; size < longer; ++size) {
      const File file(original);
      auto resolver = file.read();
      const SizeLimit limit(size);
      CHECK_FALSE(resolver.point_at_gate());
      CHECK(file.text() == original);
      CHECK(resolver.put_back());
      CHECK(file.text() == original);
    }
  }

  TEST_CASE("an original that cannot be put back stays in the file for the next boot") {
    const File file(original);
    const auto resolver = file.pointed();
    {
      const SizeLimit limit(0);
      CHECK_FALSE(resolver.put_back());
    }
    CHECK(file.read().original() == original);
  }

  TEST_CASE("a text of the agent does not stay, even if the original cannot be put back") {
    const File file(original);
    const auto resolver = file.pointed();
    write(file.path, agents_text);
    {
      const SizeLimit limit(agents_text.size());
      CHECK_FALSE(resolver.put_back());
    }
    CHECK(file.text() == "");
    CHECK(resolver.put_back());
    CHECK(file.text() == original);
  }
}
