#include "ostiary/config/config.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "config/made_up.h"

using namespace ostiary::config;
using ostiary::error_of;
using ostiary::status_of;

namespace {

const std::string policy_path = "/etc/ostiary/policy.json";

MadeUp with_policy(std::string text) {
  return {.files = {{policy_path, std::move(text)}}};
}

std::string shown(const std::optional<Choice>& choice) {
  if (!choice) return "unset";
  return *choice == Choice::yes ? "yes" : "no";
}

std::string shown(const std::optional<Given>& given) {
  return given ? given->text : "unset";
}

// A setting's default, and its value from each source.
struct Precedence {
  std::string_view key;
  std::string standard;
  std::string policy, from_policy;
  std::string variable, from_variable;
  std::string flag, from_flag;
  std::string (*show)(const Config&);
};

const std::vector<Precedence> precedences{
    {"user", "unset", R"("a")", "a", "b", "b", "c", "c", [](const Config& c) { return shown(c.user); }},
    {"workdir", "", R"("/a")", "/a", "/b", "/b", "/c", "/c", [](const Config& c) { return c.workdir; }},
    {"grace", "10", "1", "1", "2", "2", "3600", "3600",
     [](const Config& c) { return std::to_string(c.grace.count()); }},
    {"gate", "on", R"("off")", "off", "on", "on", "off", "off",
     [](const Config& c) { return std::string(c.gate == GateSwitch::on ? "on" : "off"); }},
    {"no_derive", "derive yes", "true", "derive no", "no", "derive yes", "true", "derive no",
     [](const Config& c) { return "derive " + shown(c.derive); }},
    {"upstream", "unset", R"("192.0.2.1")", "192.0.2.1", "b", "b", "c", "c",
     [](const Config& c) { return shown(c.upstream); }},
    {"hold", "3600", "1", "1", "2", "2", "604800", "604800",
     [](const Config& c) { return std::to_string(c.hold.count()); }},
    {"resolve_timeout", "5", "1", "1", "2", "2", "300", "300",
     [](const Config& c) { return std::to_string(c.resolve_timeout.count()); }},
    {"allow_inbound", "unset", R"("22")", "22", "2222", "2222", "[fdaa::/16]:22", "[fdaa::/16]:22",
     [](const Config& c) { return c.inbound ? c.inbound->text : "unset"; }},
    {"allow_socket", "unset", R"("/a")", "/a", "/b,@c", "/b,@c", "@d", "@d",
     [](const Config& c) { return shown(c.allowed_sockets); }},
    {"scope", "container", R"("user")", "user", "container", "container", "user", "user",
     [](const Config& c) { return std::string(text(c.scope)); }},
    {"in_place", "no", "true", "yes", "0", "no", "true", "yes",
     [](const Config& c) { return shown(c.in_place); }},
    {"keep_rules", "unset", R"("always")", "yes", "never", "no", "always", "yes",
     [](const Config& c) { return shown(c.keep_rules); }},
    {"audit", "unset", R"("/a")", "/a", "stderr", "stderr", "none", "none",
     [](const Config& c) { return shown(c.audit); }},
    {"audit_limit", "64", "1", "1", "2", "2", "65536", "65536",
     [](const Config& c) { return std::to_string(c.audit_mebibytes); }},
    {"audit_otlp", "yes", R"("off")", "no", "on", "yes", "off", "no",
     [](const Config& c) { return shown(c.audit_otlp); }},
    {"check_names", "yes", R"("off")", "no", "on", "yes", "off", "no",
     [](const Config& c) { return shown(c.check_names); }},
    {"ech", "refuse", R"("allow")", "allow", "refuse", "refuse", "allow", "allow",
     [](const Config& c) {
       return std::string(c.encrypted_hello == ostiary::tls::EncryptedHello::refused ? "refuse" : "allow");
     }},
    {"telemetry_source", "unset", R"("off")", "off", "otlp", "otlp", "module", "module",
     [](const Config& c) { return std::string(c.telemetry_source ? text(*c.telemetry_source) : "unset"); }},
    {"relay", "auto", R"("on")", "on", "off", "off", "auto", "auto",
     [](const Config& c) {
       return std::string(c.relay == RelaySwitch::automatic ? "auto"
                          : c.relay == RelaySwitch::on      ? "on"
                                                            : "off");
     }},
    {"api_relay", "no", R"("on")", "yes", "off", "no", "on", "yes",
     [](const Config& c) { return shown(c.api_relay); }},
    {"relay_spool", "", R"("/a")", "/a", "/b", "/b", "/c", "/c",
     [](const Config& c) { return c.relay_spool; }},
    {"require_telemetry", "no", "true", "yes", "no", "no", "true", "yes",
     [](const Config& c) { return shown(c.require_telemetry); }},
    {"no_managed_settings", "managed yes", "true", "managed no", "0", "managed yes", "true", "managed no",
     [](const Config& c) { return "managed " + shown(c.managed_settings); }},
    {"auth_hook", "", R"("/a")", "/a", "/b", "/b", "/c", "/c", [](const Config& c) { return c.auth_hook; }},
    {"auth_hook_timeout", "60", "1", "1", "2", "2", "3600", "3600",
     [](const Config& c) { return std::to_string(c.auth_hook_timeout.count()); }},
    {"prepare_claude", "unset", "true", "yes", "false", "no", "true", "yes",
     [](const Config& c) { return shown(c.prepare_claude); }},
    {"log_level", "1", R"("debug")", "0", "warn", "2", "error", "3",
     [](const Config& c) { return std::to_string(static_cast<int>(c.log_level)); }},
};

std::string variable_of(std::string_view key) {
  for (const Setting& setting : settings)
    if (setting.key == key) return std::string(setting.variable);
  return {};
}

struct BadValue {
  std::string_view key;
  std::string value;
  std::string complaint;
};

const std::vector<BadValue> bad_values{
    {"workdir", "work", R"("work" is not an absolute path: begin it with /)"},
    {"auth_hook", "./hook", R"("./hook" is not an absolute path: begin it with /)"},
    {"grace", "-1", R"("-1" is not a number of seconds from 0 to 3600, like 10)"},
    {"grace", "3601", R"("3601" is not a number of seconds from 0 to 3600, like 10)"},
    {"grace", "10s", R"("10s" is not a number of seconds from 0 to 3600, like 10)"},
    {"grace", " 10", R"(" 10" is not a number of seconds from 0 to 3600, like 10)"},
    {"grace", "1.5", R"("1.5" is not a number of seconds from 0 to 3600, like 10)"},
    {"grace", "99999999999999999999",
     R"("99999999999999999999" is not a number of seconds from 0 to 3600, like 10)"},
    {"auth_hook_timeout", "0", R"("0" is not a number of seconds from 1 to 3600, like 60)"},
    {"hold", "0", R"("0" is not a number of seconds from 1 to 604800, like 3600)"},
    {"resolve_timeout", "301", R"("301" is not a number of seconds from 1 to 300, like 5)"},
    {"audit_limit", "0", R"("0" is not a number of MiB from 1 to 65536, like 64)"},
    {"audit_otlp", "yes", R"("yes" is neither on nor off: write on or off)"},
    {"check_names", "yes", R"("yes" is neither on nor off: write on or off)"},
    {"ech", "off", R"("off" is neither refuse nor allow: write refuse or allow)"},
    {"keep_rules", "yes", R"("yes" is neither always nor never: write always or never)"},
    {"gate", "no", R"("no" is neither on nor off: write on or off)"},
    {"scope", "host", R"("host" is neither container nor user: write container or user)"},
    {"telemetry_source", "grafana", R"("grafana" is not a source: write grafana-cloud, otlp, module or off)"},
    {"api_relay", "auto", R"("auto" is neither off nor on: write off or on)"},
    {"relay_spool", "spool", R"("spool" is not an absolute path: begin it with /)"},
    {"relay_spool", "/", "/: is the root directory: choose a directory below it"},
    {"relay_spool", "/var/../spool", "a path contains the component '..': write the path without it"},
    {"relay", "yes", R"("yes" is not auto, on or off: write one of them)"},
    {"require_telemetry", "on", R"("on" is neither true nor false: write true, 1, yes, false, 0 or no)"},
    {"no_managed_settings", "TRUE",
     R"("TRUE" is neither true nor false: write true, 1, yes, false, 0 or no)"},
    {"prepare_claude", "2", R"("2" is neither true nor false: write true, 1, yes, false, 0 or no)"},
    {"log_level", "trace", R"("trace" is not a log level: write debug, info, warn or error)"},
    {"workdir", "a\nb", R"("a\x0ab" is not an absolute path: begin it with /)"},
};

}  // namespace

TEST_SUITE("config/config") {
  TEST_CASE("a flag overrides the environment, which overrides the policy file") {
    for (const Precedence& row : precedences) {
      CAPTURE(row.key);
      MadeUp container;
      CHECK(row.show(good_config(container)) == row.standard);
      container.files[policy_path] = "{\"" + std::string(row.key) + "\": " + row.policy + "}";
      CHECK(row.show(good_config(container)) == row.from_policy);
      container.environment = {variable_of(row.key) + "="};
      CHECK(row.show(good_config(container)) == row.from_policy);
      container.environment = {variable_of(row.key) + "=" + row.variable};
      CHECK(row.show(good_config(container)) == row.from_variable);
      container.flags[row.key] = row.flag;
      CHECK(row.show(good_config(container)) == row.from_flag);
    }
    CHECK(precedences.size() + 2 == settings.size());  // policy and allow have their own tests
  }

  TEST_CASE("the policy file is the one in the flag or variable, or the default one if it exists") {
    MadeUp container;
    CHECK(good_config(container).policy_path.empty());
    container.files = {
        {policy_path, R"({"user": "a"})"}, {"/b", R"({"user": "b"})"}, {"/c", R"({"user": "c"})"}};
    CHECK(good_config(container).user->text == "a");
    CHECK(good_config(container).policy_path == policy_path);
    container.environment = {"OSTIARY_POLICY=/b"};
    CHECK(good_config(container).user->text == "b");
    container.flags["policy"] = "/c";
    CHECK(good_config(container).user->text == "c");
    CHECK(good_config(container).policy_path == "/c");
  }

  TEST_CASE("the allowed hosts of all sources add up") {
    MadeUp container = with_policy(R"({"allow": ["a.example"]})");
    container.environment = {"OSTIARY_ALLOW=b.example"};
    container.flags["allow"] = "c.example,d.example";
    const Config config = good_config(container);
    REQUIRE(config.policy_allow);
    CHECK(config.policy_allow->array()->size() == 1);
    REQUIRE(config.allow.size() == 2);
    CHECK(config.allow[0].text == "b.example");
    CHECK(config.allow[0].origin == "OSTIARY_ALLOW");
    CHECK(config.allow[1].text == "c.example,d.example");
    CHECK(config.allow[1].origin == "--allow");
  }

  TEST_CASE("a named policy file that is missing ends with status 66") {
    const auto by_variable = config_of({.environment = {"OSTIARY_POLICY=/b"}});
    CHECK(error_of(by_variable) ==
          "OSTIARY_POLICY: there is no file \"/b\": write the path of a policy file");
    CHECK(status_of(by_variable) == 66);
    CHECK(error_of(config_of({.flags = {{"policy", "/c"}}})) ==
          "--policy: there is no file \"/c\": write the path of a policy file");
    CHECK(error_of(config_of({.flags = {{"policy", "/\tc"}}})) ==
          "--policy: there is no file \"/\\x09c\": write the path of a policy file");
    CHECK(error_of(config_of({.environment = {"OSTIARY_POLICY=https://u:hunter2@b"}})) ==
          "OSTIARY_POLICY: there is no file at its path: write the path of a policy file");
  }

  TEST_CASE("a bad value gives one line with its place and what to write instead") {
    for (const BadValue& row : bad_values) {
      const std::string variable = variable_of(row.key);
      const auto refused = config_of({.environment = {variable + "=" + row.value}});
      CHECK(error_of(refused) == variable + ": " + row.complaint);
      CHECK(status_of(refused) == 78);
    }
    CHECK(error_of(config_of({.flags = {{"grace", "x"}}})) ==
          R"(--grace: "x" is not a number of seconds from 0 to 3600, like 10)");
    CHECK(error_of(config_of(with_policy("{\n\"grace\": 3601}"))) ==
          "/etc/ostiary/policy.json: line 2: grace is not a whole number from 0 to 3600");
    CHECK(error_of(config_of(with_policy("{\n\"gate\":\n\"maybe\"}"))) ==
          R"(/etc/ostiary/policy.json: line 3: gate: "maybe" is neither on nor off: write on or off)");
  }

  TEST_CASE("a bad value that could be a secret in the wrong place is not shown") {
    for (const char* secret : {"hunter2@host", "https://hunter2", "glc_hunter2hunter2hunter2"})
      CHECK(error_of(config_of({.environment = {std::string("OSTIARY_GATE=") + secret}})) ==
            "OSTIARY_GATE: its value is neither on nor off: write on or off");
  }

  TEST_CASE("a bad value that a stronger source overrides does not matter") {
    CHECK(good_config({.environment = {"OSTIARY_GRACE=x"}, .flags = {{"grace", "5"}}}).grace.count() == 5);
  }

  TEST_CASE("every spelling of yes and no is accepted") {
    for (const char* yes : {"true", "1", "yes"})
      CHECK(good_config({.environment = {std::string("OSTIARY_PREPARE_CLAUDE=") + yes}}).prepare_claude ==
            Choice::yes);
    for (const char* no : {"false", "0", "no"})
      CHECK(good_config({.environment = {std::string("OSTIARY_PREPARE_CLAUDE=") + no}}).prepare_claude ==
            Choice::no);
  }

  TEST_CASE("the error for an unknown variable names the closest one") {
    const auto mistyped = config_of({.environment = {"OSTIARY_GRACES=5"}});
    CHECK(error_of(mistyped) == R"(there is no variable "OSTIARY_GRACES": write OSTIARY_GRACE)");
    CHECK(status_of(mistyped) == 78);
    CHECK(error_of(config_of({.environment = {"OSTIARY_WORK_DIR=/a"}})).ends_with("write OSTIARY_WORKDIR"));
    CHECK(error_of(config_of({.environment = {"OSTIARY_SOMETHING_ELSE_ALTOGETHER="}})) ==
          R"(there is no variable "OSTIARY_SOMETHING_ELSE_ALTOGETHER": see ostiary run --help)");
    CHECK(error_of(config_of({.environment = {"OSTIARY_FOO=1"}})) ==
          R"(there is no variable "OSTIARY_FOO": see ostiary run --help)");
    CHECK(good_config({.environment = {"OSTIARYGRACE=x", "ostiary_grace=x"}}).grace.count() == 10);
    CHECK(error_of(config_of({.environment = {"OSTIARY_RELAYS=[]"}})) ==
          R"(there is no variable "OSTIARY_RELAYS": write "relays" into the policy file)");
  }

  TEST_CASE("variables that Kubernetes makes for a service named ostiary are ignored") {
    good_config({.environment = {"OSTIARY_PORT=tcp://10.0.0.1:80", "OSTIARY_PORT_80_TCP=tcp://10.0.0.1:80",
                                 "OSTIARY_PORT_80_TCP_ADDR=10.0.0.1", "OSTIARY_SERVICE_HOST=10.0.0.1",
                                 "OSTIARY_SERVICE_PORT=80", "OSTIARY_SERVICE_PORT_HTTP=80"}});
  }

  TEST_CASE("the module's object may be in the policy file or in its variable") {
    const std::string object = R"({"otlp_endpoint": "https://a"})";
    CHECK(good_config(with_policy("{\"telemetry\": " + object + "}")).module->endpoint == "https://a");
    CHECK(good_config({.environment = {"OSTIARY_TELEMETRY=" + object}}).module->origin ==
          "OSTIARY_TELEMETRY");
    CHECK(good_config({.environment = {"OSTIARY_TELEMETRY_FILE=/a"}, .files = {{"/a", object + "\n"}}})
              .module->origin == "OSTIARY_TELEMETRY_FILE (/a)");
    CHECK_FALSE(good_config({}).module);
  }

  TEST_CASE("the module's object in both places is an error that names both") {
    MadeUp container = with_policy(R"({"telemetry": {}})");
    container.environment = {"OSTIARY_TELEMETRY={}"};
    CHECK(error_of(config_of(container)) ==
          "the module's object is given twice, as OSTIARY_TELEMETRY and as telemetry in "
          "/etc/ostiary/policy.json: "
          "keep one of them");
  }

  TEST_CASE("the error for an invalid module's object does not contain its text") {
    for (const char* object : {"hunter2", "{\"hunter2\"}", "\"hunter2\"", "{\"enabled\": \"hunter2\"}",
                               "{\"otlp_headers\": {\"Authorization\": {\"hunter2\": 1}}}"}) {
      const std::string error =
          error_of(config_of({.environment = {std::string("OSTIARY_TELEMETRY=") + object}}));
      CHECK_MESSAGE(error.starts_with("OSTIARY_TELEMETRY: "), error);
      CHECK_MESSAGE(error.contains("line 1: "), error);
      CHECK_MESSAGE(!error.contains("hunter2"), error);
    }
  }

  TEST_CASE("keeps each secret with its source, and the environment unchanged") {
    const Config config = good_config(
        {.environment = {"GRAFANA_INSTANCE_ID=1", "OTEL_EXPORTER_OTLP_LOGS_HEADERS=a=b", "X=y", "EMPTY="},
         .files = {{"/run/secrets/GRAFANA_API_TOKEN", "t\n"}, {"/run/secrets/ANTHROPIC_API_KEY", "k\n"}}});
    CHECK(config.grafana.instance_id->value.reveal() == "1");
    CHECK(config.grafana.api_token->origin == "/run/secrets/GRAFANA_API_TOKEN");
    CHECK_FALSE(config.grafana.endpoint);
    CHECK(config.secrets.at("OTEL_EXPORTER_OTLP_LOGS_HEADERS").value.reveal() == "a=b");
    CHECK(config.secrets.at("ANTHROPIC_API_KEY").value.reveal() == "k");
    CHECK(config.secrets.size() == 2);
    CHECK(config.environment.entries().size() == 4);
    CHECK(config.environment.entries().back() == "EMPTY=");
  }
}
