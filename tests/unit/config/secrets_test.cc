#include "ostiary/config/secrets.h"

#include <string>

#include <doctest/doctest.h>

#include "config/made_up.h"

using namespace ostiary::config;
using ostiary::error_of;
using ostiary::fail;
using ostiary::status_of;

namespace {

constexpr std::string_view name = "GRAFANA_API_TOKEN";
const std::string default_path = "/run/secrets/GRAFANA_API_TOKEN";

auto find(const MadeUp& container, Lines lines = Lines::one) {
  return find_secret(name, lines, sources_of(container));
}

// "value <source>", or "nothing".
std::string found_in(const MadeUp& container, Lines lines = Lines::one) {
  const auto secret = find(container, lines);
  REQUIRE_MESSAGE(secret, error_of(secret));
  if (!*secret) return "nothing";
  return std::string((*secret)->value.reveal()) + " <" + (*secret)->origin + ">";
}

}  // namespace

TEST_SUITE("config/secrets") {
  TEST_CASE("finds a secret in each of its three places, and names the place") {
    CHECK(found_in({}) == "nothing");
    CHECK(found_in({.environment = {"GRAFANA_API_TOKEN=t"}}) == "t <GRAFANA_API_TOKEN>");
    CHECK(found_in({.environment = {"GRAFANA_API_TOKEN_FILE=/a/b"}, .files = {{"/a/b", "t"}}}) ==
          "t <GRAFANA_API_TOKEN_FILE (/a/b)>");
    CHECK(found_in({.files = {{default_path, "t"}}}) == "t </run/secrets/GRAFANA_API_TOKEN>");
  }

  TEST_CASE("a secret in two places is an error that names both and shows no value") {
    const MadeUp variable_and_file{.environment = {"GRAFANA_API_TOKEN=hunter2", "GRAFANA_API_TOKEN_FILE=/a"},
                                   .files = {{"/a", "hunter3"}}};
    CHECK(error_of(find(variable_and_file)) ==
          "GRAFANA_API_TOKEN: given twice, as GRAFANA_API_TOKEN and as GRAFANA_API_TOKEN_FILE (/a): keep one "
          "of "
          "them");
    CHECK(status_of(find(variable_and_file)) == 78);
    CHECK(error_of(find({.environment = {"GRAFANA_API_TOKEN=t"}, .files = {{default_path, "t"}}})) ==
          "GRAFANA_API_TOKEN: given twice, as GRAFANA_API_TOKEN and as /run/secrets/GRAFANA_API_TOKEN: keep "
          "one of "
          "them");
    CHECK(error_of(find(
              {.environment = {"GRAFANA_API_TOKEN_FILE=/a"}, .files = {{"/a", "t"}, {default_path, "t"}}})) ==
          "GRAFANA_API_TOKEN: given twice, as GRAFANA_API_TOKEN_FILE (/a) and as "
          "/run/secrets/GRAFANA_API_TOKEN: keep one of them");
  }

  TEST_CASE("a file variable with the default path counts as one place") {
    CHECK(found_in(
              {.environment = {"GRAFANA_API_TOKEN_FILE=" + default_path}, .files = {{default_path, "t"}}}) ==
          "t <GRAFANA_API_TOKEN_FILE (/run/secrets/GRAFANA_API_TOKEN)>");
  }

  TEST_CASE(
      "a named file that is missing ends with status 66, and its path is not shown: it may be the secret") {
    for (const char* path : {"/a", "glc_hunter2", "/hunter2/x", "/a\nostiary: all is well"}) {
      const auto missing = find({.environment = {std::string("GRAFANA_API_TOKEN_FILE=") + path}});
      CHECK(
          error_of(missing) ==
          "GRAFANA_API_TOKEN_FILE: there is no file at the path that it holds: write the path of a file, or "
          "the secret itself as GRAFANA_API_TOKEN");
      CHECK(status_of(missing) == 66);
    }
  }

  TEST_CASE("a named file that cannot be read ends with the reader's status and names the variable") {
    Sources sources = sources_of({.environment = {"GRAFANA_API_TOKEN_FILE=/a"}});
    sources.read_file = [](const std::string& path) -> ostiary::Result<std::optional<std::string>> {
      return fail(ostiary::Exit::missing_input, path + ": Permission denied");
    };
    const auto unreadable = find_secret(name, Lines::one, sources);
    CHECK(error_of(unreadable) == "GRAFANA_API_TOKEN_FILE: /a: Permission denied");
    CHECK(status_of(unreadable) == 66);
  }

  TEST_CASE("removes only the newlines at the end of a file") {
    for (const char* text : {"t", "t\n", "t\r\n", "t\n\n\r\n"})
      CHECK(found_in({.files = {{default_path, text}}}) == "t </run/secrets/GRAFANA_API_TOKEN>");
    CHECK(found_in({.files = {{default_path, " t \n"}}}) == " t  </run/secrets/GRAFANA_API_TOKEN>");
  }

  TEST_CASE("a control character is an error that does not show the secret") {
    using namespace std::string_literals;
    for (const std::string& text :
         {"hunter2\nx"s, "\nhunter2"s, "hunter2\tx"s, "hunter2\0x"s, "hunter2\x7f"s, "hunter2\x1b[2J"s})
      for (const MadeUp& container :
           {MadeUp{.environment = {"GRAFANA_API_TOKEN=" + text}}, MadeUp{.files = {{default_path, text}}}}) {
        const auto refused = find(container);
        CHECK(status_of(refused) == 78);
        CHECK(error_of(refused).contains("GRAFANA_API_TOKEN: holds a line end or another control character"));
        CHECK_FALSE(error_of(refused).contains("hunter2"));
      }
    CHECK(found_in({.environment = {"GRAFANA_API_TOKEN=ü\xff"}}) == "ü\xff <GRAFANA_API_TOKEN>");
  }

  TEST_CASE("a secret of several lines may contain newlines") {
    CHECK(found_in({.files = {{default_path, "{\n\t}\n"}}}, Lines::several) ==
          "{\n\t} </run/secrets/GRAFANA_API_TOKEN>");
  }

  TEST_CASE("an empty variable or file counts as not set") {
    CHECK(found_in({.environment = {"GRAFANA_API_TOKEN="}}) == "nothing");
    CHECK(found_in({.environment = {"GRAFANA_API_TOKEN_FILE="}}) == "nothing");
    CHECK(found_in({.files = {{default_path, ""}}}) == "nothing");
    CHECK(found_in({.files = {{default_path, "\n"}}}) == "nothing");
    CHECK(found_in({.environment = {"GRAFANA_API_TOKEN=", "GRAFANA_API_TOKEN_FILE="},
                    .files = {{default_path, "t"}}}) == "t </run/secrets/GRAFANA_API_TOKEN>");
    CHECK(found_in({.environment = {"GRAFANA_API_TOKEN=t"}, .files = {{default_path, "\n"}}}) ==
          "t <GRAFANA_API_TOKEN>");
  }

  TEST_CASE("accepts a file of 64 KiB and refuses one octet more") {
    const std::string longest(64 * 1024, 't');
    CHECK(found_in({.files = {{default_path, longest}}}).starts_with("ttt"));
    const auto refused = find({.files = {{default_path, longest + "t"}}});
    CHECK(error_of(refused) == "/run/secrets/GRAFANA_API_TOKEN: is larger than 64 KiB");
    CHECK(status_of(refused) == 78);
    CHECK(error_of(find({.environment = {"GRAFANA_API_TOKEN_FILE=/a"}, .files = {{"/a", longest + "t"}}})) ==
          "GRAFANA_API_TOKEN_FILE: /a: is larger than 64 KiB");
  }
}
