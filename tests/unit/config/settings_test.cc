#include "ostiary/config/settings.h"

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ostiary/base/read_file.h"
#include "outcome.h"

using namespace ostiary::config;
using ostiary::error_of;

namespace {

std::string variable_of(std::string_view flag) {
  if (flag == "--telemetry") return "OSTIARY_TELEMETRY_SOURCE";  // OSTIARY_TELEMETRY is the module's object
  std::string variable = "OSTIARY_";
  for (const char c : flag.substr(2))
    variable += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  return variable;
}

std::string key_of(std::string_view variable) {
  std::string key;
  for (const char c : variable.substr(std::string_view("OSTIARY_").size()))
    key += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return key;
}

// The rows of the settings table in docs/configuration.md.
std::vector<std::string> documented_rows() {
  const auto text = ostiary::read_file(SOURCE_ROOT "/docs/configuration.md", 1U << 20U);
  REQUIRE_MESSAGE(text, error_of(text));
  std::vector<std::string> rows;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("| `--")) rows.push_back(line);
  return rows;
}

}  // namespace

TEST_SUITE("config/settings") {
  TEST_CASE("flag, variable and policy key of a setting have one name") {
    for (const Setting& setting : settings) {
      CHECK(setting.flag.starts_with("--"));
      CHECK(setting.variable == variable_of(setting.flag));
      CHECK(setting.key == key_of(setting.variable));
      CHECK_FALSE(setting.help.empty());
      CHECK(setting.value.empty() == (setting.kind == ValueKind::on_or_off));
    }
  }

  TEST_CASE("no two settings have one name") {
    std::set<std::string_view> keys;
    for (const Setting& setting : settings) CHECK_MESSAGE(keys.insert(setting.key).second, setting.key);
  }

  TEST_CASE("every setting is documented, and nothing else is") {
    const std::vector<std::string> rows = documented_rows();
    CHECK(rows.size() == settings.size());
    for (const Setting& setting : settings) {
      const std::string flag = "| `" + std::string(setting.flag);
      const auto row = std::ranges::find_if(rows, [&](const std::string& each) {
        return each.starts_with(flag + " ") || each.starts_with(flag + "`");
      });
      REQUIRE_MESSAGE(row != rows.end(), setting.flag);
      CHECK(row->contains("| `" + std::string(setting.variable) + "` |"));
      const bool in_policy = setting.reach == SettingPlace::everywhere;
      CHECK(row->contains("| `" + std::string(setting.key) + "` |") == in_policy);
    }
  }
}
