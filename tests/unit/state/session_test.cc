#include "ostiary/state/session.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "outcome.h"

using namespace ostiary::state;
using ostiary::error_of;
using ostiary::status_of;
using ostiary::confine::Identity;

namespace {

const Identity node{.uid = 1000,
                    .gid = 100,
                    .groups = {4, 100, 4294967294},
                    .name = "node",
                    .home = "/home/node",
                    .shell = "/bin/sh",
                    .domain = ostiary::confine::Domain::without_signals};

std::string with_item(size_t position, std::string_view item) {
  std::vector<std::string> items{"ostiary session 3", "1000",    "100",  "4,100", "node",
                                 "/home/node",        "/bin/sh", "none", "/work", "4:40"};
  items.at(position) = item;
  std::string text;
  for (const std::string& each : items) text += each + '\0';
  return text;
}

}  // namespace

TEST_SUITE("state/session") {
  TEST_CASE("returns what was stored, byte for byte") {
    std::string every_byte = "ALL=";
    for (int c = 1; c < 256; ++c) every_byte += static_cast<char>(c);
    const std::vector<std::string> environment{"A=1", "LINES=a\nb\n", "EMPTY=", every_byte, "PLAIN", "A=2"};
    const auto session = parse_session(render_session(node, "/work dir", "4:40", environment).reveal());
    REQUIRE_MESSAGE(session, error_of(session));
    CHECK(session->identity == node);
    CHECK(session->workdir == "/work dir");
    CHECK(session->network == "4:40");
    const auto entries = session->environment.entries();
    CHECK(std::vector<std::string>(entries.begin(), entries.end()) == environment);
  }

  TEST_CASE("an identity without groups and an empty environment are stored too") {
    const Identity bare{.uid = 0, .gid = 0, .groups = {}, .name = "", .home = "", .shell = ""};
    const auto session = parse_session(render_session(bare, "", "", {}).reveal());
    REQUIRE_MESSAGE(session, error_of(session));
    CHECK(session->identity == bare);
    CHECK(session->environment.entries().empty());
  }

  TEST_CASE("a file that was cut in the middle is refused") {
    const std::vector<std::string> environment{"A=1", "B=2"};
    const auto whole = render_session(node, "/work", "4:40", environment);
    for (size_t length = 0; length < whole.reveal().size(); ++length) {
      const std::string_view prefix = whole.reveal().substr(0, length);
      if (parse_session(prefix))
        CHECK(prefix.ends_with('\0'));  // a prefix is valid only if it ends between two variables
    }
    CHECK(status_of(parse_session("")) == 66);
    CHECK(error_of(parse_session("")) ==
          "/run/ostiary/session is malformed or of another version: boot again with ostiary run");
  }

  TEST_CASE("another version, an odd id and an odd group are refused") {
    CHECK(parse_session(with_item(0, "ostiary session 3")));
    CHECK_FALSE(parse_session(with_item(0, "ostiary session 2")));
    CHECK_FALSE(parse_session(with_item(7, "another")));
    for (const char* id : {"", "-1", "x", "1000 ", "0x10", "4294967296"}) {
      CHECK_MESSAGE(!parse_session(with_item(1, id)), id);
      CHECK_MESSAGE(!parse_session(with_item(2, id)), id);
    }
    for (const char* groups : {",", "4,,100", "4;100", "node", "4, 100"})
      CHECK_MESSAGE(!parse_session(with_item(3, groups)), groups);
  }
}
