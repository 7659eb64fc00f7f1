#include "ostiary/cli/command_line.h"

#include <string>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include "outcome.h"

using namespace ostiary::cli;
using ostiary::error_of;
using ostiary::status_of;
using ostiary::config::GivenSettings;
using ostiary::config::Setting;
using ostiary::config::ValueKind;

namespace {

using Words = std::vector<std::string>;

Invocation good(const Words& arguments) {
  auto invocation = parse_command_line(arguments);
  REQUIRE_MESSAGE(invocation, error_of(invocation));
  return *std::move(invocation);
}

template <typename T>
T as(const Words& arguments) {
  Invocation invocation = good(arguments);
  REQUIRE(std::holds_alternative<T>(invocation));
  return std::get<T>(std::move(invocation));
}

std::string refusal(const Words& arguments) {
  const auto refused = parse_command_line(arguments);
  CHECK(status_of(refused) == 64);
  return error_of(refused);
}

// Lines "key=text".
std::string shown(const GivenSettings& flags) {
  std::string lines;
  for (const auto& [key, given] : flags) lines += std::string(key) + "=" + given.text + "\n";
  return lines;
}

}  // namespace

TEST_SUITE("cli/command_line") {
  TEST_CASE("as an entrypoint, no command is needed") {
    CHECK(as<Run>({}).command.empty());
    CHECK(as<Run>({"claude", "-p", "hi"}).command == Words{"claude", "-p", "hi"});
    CHECK(as<Run>({"/bin/bash"}).command == Words{"/bin/bash"});
    const Run run = as<Run>({"--user", "node", "claude", "--user", "x"});
    CHECK(run.command == Words{"claude", "--user", "x"});
    CHECK(shown(run.flags) == "user=node\n");
    CHECK(as<Run>({"--", "plan"}).command == Words{"plan"});
  }

  TEST_CASE("run takes flags, then the command, with or without -- between them") {
    CHECK(as<Run>({"run"}).command.empty());
    CHECK(as<Run>({"run", "--"}).command.empty());
    CHECK(as<Run>({"run", "--", "env"}).command == Words{"env"});
    CHECK(as<Run>({"run", "env"}).command == Words{"env"});
    CHECK(as<Run>({"run", "--", "--help"}).command == Words{"--help"});
    CHECK(as<Run>({"run", "--", "--", "x"}).command == Words{"--", "x"});
    CHECK(as<Run>({"run", "a", "--", "b"}).command == Words{"a", "--", "b"});
    const Run run =
        as<Run>({"run", "--require-telemetry", "--grace=5", "--workdir", "/a b", "claude", "--grace", "7"});
    CHECK(run.command == Words{"claude", "--grace", "7"});
    CHECK(shown(run.flags) == "grace=5\nrequire_telemetry=true\nworkdir=/a b\n");
  }

  TEST_CASE("every setting has a flag for run and plan, which errors can name") {
    for (const Setting& setting : ostiary::config::settings) {
      const bool is_switch = setting.kind == ValueKind::on_or_off;
      const std::string flag(setting.flag);
      for (const char* subcommand : {"run", "plan"}) {
        Words arguments{subcommand, flag};
        if (!is_switch) arguments.emplace_back("value");
        arguments.insert(arguments.end(), {"claude", "x"});
        const Invocation invocation = good(arguments);
        const bool is_run = std::holds_alternative<Run>(invocation);
        const GivenSettings& flags =
            is_run ? std::get<Run>(invocation).flags : std::get<Plan>(invocation).flags;
        REQUIRE(flags.size() == 1);
        CHECK(flags.at(setting.key).text == (is_switch ? "true" : "value"));
        CHECK(flags.at(setting.key).origin == setting.flag);
        CHECK((is_run ? std::get<Run>(invocation).command : std::get<Plan>(invocation).command) ==
              Words{"claude", "x"});
      }
    }
  }

  TEST_CASE("a switch can have the value yes or no") {
    CHECK(shown(as<Run>({"--prepare-claude=true"}).flags) == "prepare_claude=true\n");
    CHECK(shown(as<Run>({"--prepare-claude=false"}).flags) == "prepare_claude=false\n");
    refusal({"--prepare-claude=perhaps"});
  }

  TEST_CASE("a flag without its value is an error of usage") {
    for (const Setting& setting : ostiary::config::settings) {
      if (setting.kind == ValueKind::on_or_off) continue;
      const std::string flag(setting.flag);
      for (const Words& arguments :
           {Words{flag}, Words{"run", flag}, Words{"plan", flag}, Words{"run", flag, "--", "claude"},
            Words{"run", flag, "--gate", "off"}, Words{"run", flag + "=", "--", "claude"}}) {
        const std::string error = refusal(arguments);
        CHECK_MESSAGE(error.starts_with(flag + " has no value: write " + flag + " "), error);
        CHECK_MESSAGE(error.ends_with(" --help"), error);
      }
    }
  }

  TEST_CASE("the last value of a flag holds, and the values of a list add up") {
    CHECK(shown(as<Run>({"--user", "a", "--gate", "off", "--user=b"}).flags) == "gate=off\nuser=b\n");
    const Run run =
        as<Run>({"--allow", "a.example", "--upstream=192.0.2.1", "--allow", "*.b.example:8443", "claude"});
    CHECK(shown(run.flags) == "allow=a.example,*.b.example:8443\nupstream=192.0.2.1\n");
    CHECK(run.command == Words{"claude"});
  }

  TEST_CASE("a repeated --allow-inbound is an entry of its own, in any order") {
    CHECK(shown(as<Run>({"--allow-inbound", "10.1.0.0/16:8080", "--allow-inbound", "3000"}).flags) ==
          "allow_inbound=3000,10.1.0.0/16:8080\n");
    CHECK(shown(as<Run>({"--allow-inbound", "10.1.0.0/16:8080,3000", "--allow-inbound", "22"}).flags) ==
          "allow_inbound=22,10.1.0.0/16:8080,3000\n");
  }

  TEST_CASE("help is --help, of ostiary or of a command") {
    CHECK(as<Print>({"help"}).text == as<Print>({"--help"}).text);
    for (const char* command : {"run", "plan", "exec", "env", "status", "presets"})
      CHECK(as<Print>({"help", command}).text == as<Print>({command, "--help"}).text);
    CHECK(
        refusal({"help", "pln"}) ==
        R"("pln" is not a command of ostiary: the commands are run, plan, exec, env, presets, status, telemetry)");
  }

  TEST_CASE("a program without a name is an error of usage") {
    for (const Words& arguments :
         {Words{""}, Words{"run", ""}, Words{"plan", "--", ""}, Words{"exec", "", "x"}})
      CHECK(refusal(arguments).starts_with("the program's name is empty: see ostiary "));
  }

  TEST_CASE("a value that begins with a dash is written with an equals sign") {
    CHECK(shown(as<Run>({"--user=--odd"}).flags) == "user=--odd\n");
    CHECK(refusal({"--user", "-odd", "claude"}).contains("follows an equals sign, --user=-"));
    CHECK_FALSE(refusal({"--user", "--gate", "off"}).contains("equals"));
  }

  TEST_CASE("the error for an unknown flag names the closest one, for each command") {
    CHECK(refusal({"--usre", "node", "claude"}) ==
          R"(there is no flag "--usre", perhaps --user: see ostiary run --help)");
    CHECK(refusal({"run", "--telemety=off"}) ==
          R"(there is no flag "--telemety", perhaps --telemetry: see ostiary run --help)");
    CHECK(refusal({"-p", "hi"}) == R"(there is no flag "-p": see ostiary run --help)");
    CHECK(refusal({"run", "--json"}).starts_with(R"(there is no flag "--json")"));
    CHECK(refusal({"plan", "--jsn"}) ==
          R"(there is no flag "--jsn", perhaps --json: see ostiary plan --help)");
    CHECK(refusal({"exec", "--user", "node", "bash"}).starts_with(R"(there is no flag "--user")"));
    CHECK(refusal({"env", "--revel"}) ==
          R"(there is no flag "--revel", perhaps --reveal: see ostiary env --help)");
    CHECK(refusal({"env", "x"}) == R"(this command takes no arguments; found "x": see ostiary env --help)");
  }

  TEST_CASE("a switch with another value is an error with our text") {
    CHECK(refusal({"run", "--no-derive=perhaps"}) ==
          "--no-derive: \"perhaps\" is neither true nor false: write --no-derive, or --no-derive=false: see "
          "ostiary run --help");
    CHECK(refusal({"plan", "--json=2"}) ==
          R"(--json: "2" is neither true nor false: write --json, or --json=false: see ostiary plan --help)");
    CHECK(refusal({"env", "--reveal="}).starts_with(R"(--reveal: "" is neither true nor false)"));
  }

  TEST_CASE("a switch accepts the same values as its variable") {
    for (const char* yes : {"true", "1", "yes"})
      CHECK(shown(as<Run>({std::string("--no-derive=") + yes}).flags) == "no_derive=true\n");
    for (const char* no : {"false", "0", "no"})
      CHECK(shown(as<Run>({std::string("--no-derive=") + no}).flags) == "no_derive=false\n");
    CHECK(as<Env>({"env", "--reveal=yes"}).secrets == Secrets::revealed);
    CHECK(as<Env>({"env", "--reveal=0"}).secrets == Secrets::masked);
  }

  TEST_CASE("a word after a switch is the program, with a warning") {
    const Run run = as<Run>({"run", "--no-derive", "false"});
    CHECK(run.command == Words{"false"});
    CHECK(
        run.warning ==
        "\"false\" is taken as the program, and --no-derive as set: write --no-derive=false, or -- before a "
        "program");
    CHECK(as<Plan>({"plan", "--no-derive", "yes"}).warning.contains("--no-derive=yes"));
    for (const Words& plain : {Words{"run", "--no-derive", "--", "false"},
                               Words{"run", "--gate", "off", "true"}, Words{"run", "--no-derive", "claude"}})
      CHECK(as<Run>(plain).warning.empty());
  }

  TEST_CASE("an empty value, or an empty entry of a list, is an error") {
    CHECK(refusal({"run", "--policy", "", "--", "claude"})
              .starts_with("--policy has no value: write --policy FILE"));
    for (const char* list :
         {",", "a.example,", ",a.example", "a.example,,b.example", "a.example, ,b.example"})
      CHECK(refusal({"run", "--allow", list, "claude"})
                .starts_with("--allow has an empty entry: write --allow "));
    CHECK(refusal({"run", "--upstream=192.0.2.1,"}).starts_with("--upstream has an empty entry"));
  }

  TEST_CASE("plan has two forms") {
    CHECK(as<Plan>({"plan"}).form == Form::text);
    const Plan plan = as<Plan>({"plan", "--gate", "off", "--json", "--", "claude", "--json"});
    CHECK(plan.form == Form::json);
    CHECK(plan.command == Words{"claude", "--json"});
    CHECK(shown(plan.flags) == "gate=off\n");
    CHECK(as<Plan>({"plan", "claude", "--json"}).form == Form::text);
  }

  TEST_CASE("exec needs a command") {
    CHECK(as<Exec>({"exec", "bash", "-l"}).command == Words{"bash", "-l"});
    CHECK(as<Exec>({"exec", "--", "--odd"}).command == Words{"--odd"});
    CHECK(refusal({"exec"}) == "there is no program to run: see ostiary exec --help");
    CHECK(refusal({"exec", "--"}) == "there is no program to run: see ostiary exec --help");
  }

  TEST_CASE("env masks secrets unless --reveal is given") {
    CHECK(as<Env>({"env"}).secrets == Secrets::masked);
    CHECK(as<Env>({"env", "--reveal"}).secrets == Secrets::revealed);
  }

  TEST_CASE("help and version are texts to print") {
    CHECK(as<Print>({"--version"}).text.starts_with("ostiary 0."));
    for (const char* flag : {"--help", "-h"}) {
      CHECK(as<Print>({flag}).text.contains("run [FLAGS] [--] [PROGRAM...]"));
      for (const char* subcommand : {"run", "plan", "exec", "env"})
        CHECK(as<Print>({subcommand, flag}).text.contains("ostiary " + std::string(subcommand)));
    }
    const std::string help = as<Print>({"run", "--user", "node", "--help"}).text;
    for (const Setting& setting : ostiary::config::settings) {
      CHECK(help.contains(setting.flag));
      CHECK(help.contains("[" + std::string(setting.variable) + "]"));
    }
  }
}
