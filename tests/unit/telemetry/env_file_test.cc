#include "ostiary/telemetry/env_file.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <stdio.h>

using namespace ostiary::telemetry;

namespace {

using Variables = std::vector<std::pair<std::string_view, std::string_view>>;

std::string output_of_sh(const std::string& script) {
  FILE* sh = ::popen(script.c_str(), "r");
  REQUIRE(sh != nullptr);
  std::string output;
  for (int c = ::fgetc(sh); c != EOF; c = ::fgetc(sh)) output += static_cast<char>(c);
  CHECK(::pclose(sh) == 0);
  return output;
}

}  // namespace

TEST_SUITE("telemetry/env_file") {
  TEST_CASE("writes one line per variable") {
    const Variables variables{{"OTEL_A", "1"}, {"_B2", "it's"}};
    CHECK(render_env_file(variables)->reveal() == "OTEL_A='1'\n_B2='it'\\''s'\n");
    CHECK(render_env_file({})->empty());
  }

  TEST_CASE("sh reads back any values") {
    std::string every_byte;
    for (int c = 1; c < 256; ++c) every_byte += static_cast<char>(c);
    for (const std::string& value :
         {every_byte, std::string("'"), std::string("''\\'"), std::string("$(id) `id` $HOME"),
          std::string("a\nb\n"), std::string("-n"), std::string()}) {
      const Variables variables{{"X", value}, {"LAST", "x"}};
      const std::string script(render_env_file(variables)->reveal());
      CHECK(output_of_sh(script + "printf '%s%s' \"$X\" $LAST") == value + "x");
    }
  }

  TEST_CASE("refuses what sh cannot assign") {
    for (const char* name : {"", "1A", "A-B", "A B", "A=B", "A;id", "Ü"})
      CHECK_MESSAGE(!render_env_file(Variables{{name, "v"}}), name);
    CHECK_FALSE(render_env_file(Variables{{"A", std::string_view("a\0b", 3)}}));
  }

  TEST_CASE("reads back every file that it wrote") {
    constexpr std::string_view letters = "a'\\\n= $\"#;\xff";
    std::mt19937 random(1);
    for (int round = 0; round < 2000; ++round) {
      std::vector<std::pair<std::string, std::string>> written(random() % 4);
      for (auto& [name, value] : written) {
        name = "OTEL_" + std::to_string(random() % 100);
        for (size_t n = random() % 12; n > 0; --n) value += letters[random() % letters.size()];
      }
      const Variables variables(written.begin(), written.end());
      const auto lines = parse_env_file(render_env_file(variables)->reveal());
      REQUIRE(lines);
      std::vector<std::pair<std::string, std::string>> read;
      for (const EnvFileLine& line : *lines) read.emplace_back(line.name, line.value.reveal());
      CHECK(read == written);
    }
  }

  TEST_CASE("refuses a file that it did not write, without repeating it") {
    for (const char* text :
         {"hunter2", "A", "A=", "A=hunter2\n", "A='hunter2", "A='hunter2'", "A='hunter2'x\n",
          "A='hunter2' \n", "A='a'\nhunter2\n", "A='a''b'\n", "A='a'\\''\n", "=''\n", "export A='hunter2'\n",
          "# A\nB='x'\n", "\nA='x'\n", "A=\"hunter2\"\n"}) {
      const auto refused = parse_env_file(text);
      REQUIRE_MESSAGE(!refused, text);
      CHECK(refused.error().message == "the file was changed after ostiary run wrote it: boot again");
    }
    CHECK(parse_env_file("")->empty());
  }

  TEST_CASE("a file that was cut in the middle of a line is refused") {
    const auto whole = render_env_file(Variables{{"A", "it's\n"}, {"B", "2"}});
    for (size_t length = 1; length < whole->reveal().size(); ++length) {
      const std::string_view prefix = whole->reveal().substr(0, length);
      CHECK(parse_env_file(prefix).has_value() == (prefix == "A='it'\\''s\n'\n"));
    }
  }

  TEST_CASE("a value with a NUL is refused, as it is when written") {
    using namespace std::string_view_literals;
    CHECK_FALSE(parse_env_file("A='a\0b'\n"sv));
  }
}
