#include "ostiary/connect/settings_file.h"

#include <algorithm>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outcome.h"
#include "scratch.h"

using namespace ostiary;
using namespace ostiary::connect;
using namespace ostiary::testing;
namespace fs = std::filesystem;

namespace {

// The settings of one user.
struct Home {
  Scratch scratch;
  std::string path = scratch.path(".claude/settings.json");

  explicit Home(std::string_view text = {}, mode_t mode = 0644) {
    if (text.empty()) return;
    fs::create_directory(scratch.path(".claude"));
    write(path, text);
    fs::permissions(path, static_cast<fs::perms>(mode));
  }

  Result<Connected> try_connect(std::string endpoint = "http://c:4318", std::string header = {}) const {
    Request request{.endpoint = std::move(endpoint)};
    if (!header.empty()) request.headers = config::Sourced{Secret(std::move(header)), "--header"};
    return write_settings(path, Kind::user,
                          [&](std::string_view text) { return make_settings(request, Kind::user, text); });
  }
  Connected connect(std::string endpoint = "http://c:4318", std::string header = {}) const {
    auto connected = try_connect(std::move(endpoint), std::move(header));
    REQUIRE_MESSAGE(connected, error_of(connected));
    return *std::move(connected);
  }
  Undoing undo() const {
    auto undoing = undo_settings(path);
    REQUIRE_MESSAGE(undoing, error_of(undoing));
    return *std::move(undoing);
  }
  std::string text() const { return content_of(path); }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& each : fs::directory_iterator(scratch.path(".claude")))
      names.push_back(each.path().filename());
    std::ranges::sort(names);
    return names;
  }
};

constexpr std::string_view own = "{\n   \"model\" : \"x\", \"env\": { \"A\": \"1\" }\n}";

}  // namespace

TEST_SUITE("connect/settings_file") {
  TEST_CASE("undo restores every octet and the mode, and leaves no file") {
    const Home home(own);
    home.connect("http://c:4318", "x-key=hunter2");
    CHECK(home.text().contains("http://c:4318"));
    CHECK(mode_of(home.path) == 0600);
    CHECK(content_of(home.path + ".before-ostiary") == own);
    CHECK(mode_of(home.path + ".after-ostiary") == 0600);
    const Undoing undoing = home.undo();
    CHECK(undoing.undone == Undone::restored);
    CHECK(home.text() == own);
    CHECK(mode_of(home.path) == 0644);
    CHECK(home.files() == std::vector<std::string>{"settings.json"});
  }

  TEST_CASE("without a file before, undo removes it") {
    const Home home;
    home.connect();
    CHECK(mode_of(home.path) == 0600);
    CHECK(mode_of(home.scratch.path(".claude")) == 0700);
    CHECK(home.text().ends_with("}\n"));
    CHECK(home.undo().undone == Undone::removed);
    CHECK(home.files().empty());
  }

  TEST_CASE("a file without a secret keeps its mode") {
    const Home home(own, 0640);
    home.connect();
    CHECK(mode_of(home.path) == 0640);
  }

  TEST_CASE("a second connect goes on from the settings before the first") {
    const Home home(own);
    home.connect("http://first:4318", "x-key=hunter2");
    home.connect("http://second:4318");
    CHECK_FALSE(home.text().contains("first"));
    CHECK_FALSE(home.text().contains("hunter2"));
    CHECK(content_of(home.path + ".before-ostiary") == own);
    home.undo();
    CHECK(home.text() == own);
    CHECK(mode_of(home.path) == 0644);
  }

  TEST_CASE("undo of settings that were changed since takes out only what connect wrote") {
    const Home home(own);
    home.connect();
    std::string changed = home.text();
    changed.replace(changed.find("\"x\""), 3, "\"y\"");
    changed.replace(changed.find("claude-code\""), 12, "mine\"");
    write(home.path, changed);
    const Undoing undoing = home.undo();
    CHECK(undoing.undone == Undone::own_members_taken_out);
    CHECK(undoing.kept == std::vector<std::string>{"env.OTEL_SERVICE_NAME"});
    CHECK(home.text() ==
          "{\n   \"model\" : \"y\", \"env\": { \"A\": \"1\", \"OTEL_SERVICE_NAME\": \"mine\" }\n}");
    CHECK(home.files() == std::vector<std::string>{"settings.json"});
  }

  TEST_CASE("a change between two connects stays") {
    const Home home(own);
    home.connect("http://first:4318");
    std::string changed = home.text();
    changed.replace(changed.find("\"x\""), 3, "\"y\"");
    write(home.path, changed);
    home.connect("http://second:4318");
    CHECK(home.text().contains("\"y\""));
    home.undo();
    CHECK(home.text() == "{\n   \"model\" : \"y\", \"env\": { \"A\": \"1\" }\n}");
  }

  TEST_CASE("settings that were removed since come back") {
    const Home home(own);
    home.connect();
    fs::remove(home.path);
    CHECK(home.undo().undone == Undone::restored);
    CHECK(home.text() == own);
  }

  TEST_CASE("a symbolic link stays one, and its target is written") {
    const Home home(own);
    const std::string target = home.scratch.path("dotfiles.json");
    fs::rename(home.path, target);
    fs::create_symlink(target, home.path);
    CHECK(home.connect().target == fs::canonical(target));
    CHECK(fs::is_symlink(home.path));
    CHECK(content_of(target).contains("http://c:4318"));
    home.undo();
    CHECK(fs::is_symlink(home.path));
    CHECK(content_of(target) == own);
  }

  TEST_CASE("broken settings are refused with their place, and nothing is written") {
    const Home home("{\n  \"model\": \"x\",\n}");
    CHECK(error_of(home.try_connect()) ==
          home.path +
              ": line 3, column 1: is not valid JSON: unexpected '}'; expected string literal: take out "
              "the comma before it");
    CHECK(home.files() == std::vector<std::string>{"settings.json"});
  }

  TEST_CASE("undo of settings that were broken since changes nothing") {
    const Home home(own);
    home.connect();
    write(home.path, "{");
    const auto undoing = undo_settings(home.path);
    CHECK(error_of(undoing).starts_with(home.path + ": line 1, column"));
    CHECK(home.text() == "{");
    CHECK(content_of(home.path + ".before-ostiary") == own);
  }

  TEST_CASE("undo makes no secret readable that stays") {
    const Home home(own);
    home.connect("http://c:4318", "x-key=hunter2");
    std::string changed = home.text();
    changed.replace(changed.find("hunter2"), 7, "hunter3");
    write(home.path, changed);
    REQUIRE(mode_of(home.path) == 0600);
    CHECK(home.undo().kept == std::vector<std::string>{"env.OTEL_EXPORTER_OTLP_HEADERS"});
    CHECK(home.text().contains("hunter3"));
    CHECK(mode_of(home.path) == 0600);
  }

  TEST_CASE("a connect that does not succeed leaves what undo needs") {
    const Home home(own);
    home.connect();
    const std::string connected = home.text();
    const auto failed = write_settings(home.path, Kind::user, [&](std::string_view text) {
      write(home.path, connected + " ");  // another program does
      return make_settings({.endpoint = "http://d:4318"}, Kind::user, text);
    });
    CHECK(error_of(failed).ends_with(" was changed by another program: run the command again"));
    write(home.path, connected);
    CHECK(home.undo().undone == Undone::restored);
    CHECK(home.text() == own);
  }

  TEST_CASE("there is nothing to undo without connect") {
    const Home home(own);
    const auto undoing = undo_settings(home.path);
    CHECK(status_of(undoing) == 66);
    CHECK(error_of(undoing) ==
          home.path + " has nothing to undo: ostiary telemetry connect has not written it");
    CHECK(home.text() == own);
  }

  TEST_CASE("the settings are below CLAUDE_CONFIG_DIR, or else in the home") {
    const Scratch scratch;
    const auto found = [](std::vector<std::string> variables) {
      return find_settings_file(Kind::user, config::Environment(std::move(variables)));
    };
    CHECK(*found({"HOME=" + scratch.path("")}) == scratch.path("") + "/.claude/settings.json");
    CHECK(*found({"HOME=/nowhere", "CLAUDE_CONFIG_DIR=" + scratch.path("c")}) ==
          scratch.path("c/settings.json"));
  }

  TEST_CASE("another user's home is refused") {
    if (lacks_root()) return;
    const Scratch scratch;
    REQUIRE(::chown(scratch.path("").c_str(), 12345, 12345) == 0);
    const auto found = find_settings_file(Kind::user, config::Environment({"HOME=" + scratch.path("")}));
    CHECK(status_of(found) == 77);
    CHECK(error_of(found).ends_with(" is another user's: run the command as that user, without sudo"));
  }
}
