#include "config/relay_entries.h"

#include <map>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "config/made_up.h"
#include "ostiary/inet/url.h"

using namespace ostiary;
using namespace ostiary::config;

namespace {

// By key: the text of each part of one relay.
using Parts = std::map<std::string, std::string>;

const Parts registry{{"name", R"("registry")"},
                     {"url", R"("https://npm.example.com/private/")"},
                     {"header", R"("Authorization")"},
                     {"secret", R"("NPM_TOKEN")"},
                     {"allow", R"([{"methods": ["GET", "HEAD"], "path": "/", "below": true}])"},
                     {"variable", R"("NPM_CONFIG_REGISTRY")"}};

std::string object(Parts parts) {
  std::string text;
  for (const auto& [key, value] : parts)
    if (!value.empty()) text += (text.empty() ? "{\"" : ",\n\"") + key + "\": " + value;
  return text + "}";
}

Parts with(const char* key, std::string value, Parts parts = registry) {
  parts[key] = std::move(value);
  return parts;
}

Result<Config> config_with(const std::string& relays,
                           std::vector<std::string> environment = {"NPM_TOKEN=hunter2"},
                           std::map<std::string, std::string> files = {}) {
  files.emplace("/etc/ostiary/policy.json", "{\"relays\": " + relays + "}");
  return config_of({.environment = std::move(environment), .files = std::move(files)});
}

// Without the file's name.
std::string refusal(const std::string& relays) {
  const auto config = config_with(relays);
  CHECK(status_of(config) == 78);
  const std::string error = error_of(config);
  const std::string start = "/etc/ostiary/policy.json: ";
  CHECK(error.starts_with(start));
  CHECK_FALSE(error.contains('\n'));
  return error.substr(start.size());
}

std::string refusal_of(const char* key, std::string value) {
  return refusal("[" + object(with(key, std::move(value))) + "]");
}

}  // namespace

TEST_SUITE("config/relay_entries") {
  TEST_CASE("a relay has a server, a header with a secret, what may pass, and a variable") {
    const auto config = config_with(
        "[" + object(with("prefix", R"("Bearer ")", with("value", R"("sparse+{url}/index/")"))) + "]");
    REQUIRE_MESSAGE(config, error_of(config));
    REQUIRE(config->relays.size() == 1);
    const RelayEntry& relay = config->relays[0];
    CHECK(relay.name == "registry");
    CHECK(relay.origin == "/etc/ostiary/policy.json: line 1");
    CHECK(inet::text(relay.url.destination) == "npm.example.com:443");
    CHECK(relay.url.path == "/private");
    CHECK(relay.header == "Authorization");
    CHECK(relay.prefix == "Bearer ");
    CHECK(relay.credential.value.reveal() == "hunter2");
    CHECK(relay.credential.origin == "NPM_TOKEN");
    REQUIRE(relay.allow.size() == 1);
    CHECK(relay.allow[0].methods == std::vector<std::string>{"GET", "HEAD"});
    CHECK(relay.allow[0].path == "/");
    CHECK(relay.allow[0].below == Choice::yes);
    CHECK(relay.variable == "NPM_CONFIG_REGISTRY");
    CHECK(relay.value == "sparse+{url}/index/");
  }

  TEST_CASE("prefix, value and below can be left out, and null leaves any out") {
    const auto config = config_with(
        "[" + object(with("prefix", "null", with("allow", R"([{"methods": ["GET"], "path": "/a"}])"))) + "]");
    REQUIRE_MESSAGE(config, error_of(config));
    CHECK(config->relays[0].prefix.empty());
    CHECK(config->relays[0].value == "{url}/");
    CHECK(config->relays[0].allow[0].below == Choice::no);
    for (const char* none : {"null", "[]"}) CHECK(config_with(none).value().relays.empty());
  }

  TEST_CASE("the secret comes from the variable, from its file, or from /run/secrets") {
    const std::string relays = "[" + object(registry) + "]";
    CHECK(config_with(relays, {"NPM_TOKEN_FILE=/t"}, {{"/t", "hunter3\n"}})
              .value()
              .relays[0]
              .credential.value.reveal() == "hunter3");
    CHECK(config_with(relays, {}, {{"/run/secrets/NPM_TOKEN", "hunter4"}})
              .value()
              .relays[0]
              .credential.value.reveal() == "hunter4");
    CHECK(error_of(config_with(relays, {})) ==
          "/etc/ostiary/policy.json: line 1: the relay registry has no secret to add: set the variable that "
          "its \"secret\" names, or the one with _FILE behind the name, or make a file of that name in "
          "/run/secrets");
    // By mistake it may be the secret itself.
    for (const char* secret :
         {"hf_abcdefghijklmnopqrstuvwxyz", "d41d8cd98f00b204e9800998ecf8427e", "x0A1B2C3D4E5F6"}) {
      Parts mistaken = registry;
      mistaken["secret"] = '"' + std::string(secret) + '"';
      CHECK_FALSE(error_of(config_with("[" + object(mistaken) + "]", {})).contains(secret));
    }
    CHECK(error_of(config_with(relays, {"NPM_TOKEN=hunter2", "NPM_TOKEN_FILE=/t"}, {{"/t", "hunter3"}})) ==
          "NPM_TOKEN: given twice, as NPM_TOKEN and as NPM_TOKEN_FILE (/t): keep one of them");
  }

  TEST_CASE("the error for a part that is missing says what to write") {
    for (const auto& [key, example] :
         Parts{{"name", R"("name": "registry")"},
               {"url", R"("url": "https://HOST")"},
               {"header", R"("header": "Authorization")"},
               {"secret", R"("secret": "NPM_TOKEN")"},
               {"allow", R"("allow": [{"methods": ["GET"], "path": "/", "below": true}])"},
               {"variable", R"("variable": "NPM_CONFIG_REGISTRY")"}})
      CHECK(refusal_of(key.c_str(), "") == "line 1: a relay has no \"" + key + "\": write " + example);
    CHECK(refusal_of("allow", R"([{"path": "/"}])") ==
          R"(line 1: a relay has no "methods": write "methods": ["GET"])");
    CHECK(refusal_of("allow", R"([{"methods": ["GET"]}])") ==
          R"(line 1: a relay has no "path": write "path": "/")");
  }

  TEST_CASE("the error for a value says its line, its key and what to write instead") {
    struct Row {
      const char* key;
      std::string value;
      std::string_view complaint;
    };
    const std::vector<Row> rows{
        {"url", "5", "line 5: url is a number: write a string"},
        {"url", R"("npm.example.com")",
         "line 5: url has no http:// or https:// in front; write https://HOST"},
        {"url", R"("https://u:p@h")",
         "line 5: url has a user name or password in front of its host; leave them out"},
        {"url", R"("https://h/a?b=c")", "line 5: url has a query: leave out everything from the ? on"},
        {"url", R"("https://h/%61")",
         "line 5: url has a path that not all servers read alike: write one like "
         "https://HOST/path, without a percent sign, a query or an empty part"},
        {"header", R"("Private Token")",
         "line 2: header is not the name of a header field: write one like \"Authorization\""},
        {"header", R"("Host")",
         "line 2: header \"Host\" belongs to a connection, and cannot hold a secret: write "
         "one like \"Authorization\""},
        {"header", R"("Content_Length")",
         "line 2: header \"Content_Length\" belongs to a connection, and cannot hold a secret: write one "
         "like "
         "\"Authorization\""},
        {"allow", "{}", "line 1: allow is an object: write an array"},
        {"allow", "[5]", "line 1: an entry of allow is a number: write an object"},
        {"allow", "[]",
         "line 1: allow is empty, so the relay would forward nothing: write \"allow\": "
         "[{\"methods\": [\"GET\"], \"path\": \"/\", \"below\": true}]"},
        {"allow", R"([{"methods": [], "path": "/"}])",
         "line 1: methods is empty: write [\"GET\"], or leave out the entry of allow"},
        {"allow", R"([{"methods": ["get"], "path": "/"}])",
         "line 1: an entry of methods is not one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS: write one "
         "of "
         "them"},
        {"allow", R"([{"methods": ["CONNECT"], "path": "/"}])",
         "line 1: an entry of methods is not one of GET, "
         "HEAD, POST, PUT, PATCH, DELETE, OPTIONS: write "
         "one of them"},
        {"allow", R"([{"methods": ["GET"], "path": "/", "below": 1}])",
         "line 1: below is a number: write true or false"},
        {"allow", R"([{"methods": ["GET"], "path": "/", "bellow": true}])",
         "line 1: unknown key \"bellow\": did you mean \"below\"?"},
        {"secret", R"("not a name")",
         "line 4: secret is not the name of a variable: write the name of the variable "
         "that holds it, like \"NPM_TOKEN\""},
        {"secret", R"("ghp_1a2B3c4D5e6F7g8H9i0J")",
         "line 4: secret looks like a secret itself: write the name of the variable that holds it, like "
         "\"NPM_TOKEN\""},
        {"secret", R"("ANTHROPIC_API_KEY")",
         "line 4: secret \"ANTHROPIC_API_KEY\" is a variable that the agent or ostiary needs: write the name "
         "of the "
         "variable that holds it, like \"NPM_TOKEN\""},
        {"variable", R"("A-B")",
         "line 6: variable \"A-B\" is not the name of a variable: write one like \"NPM_CONFIG_REGISTRY\""},
        {"variable", R"("NPM_TOKEN")",
         "line 1: variable \"NPM_TOKEN\" would be the secret's, which the agent does not "
         "get: write another"},
        {"variable", R"("NPM_TOKEN_FILE")",
         "line 1: variable \"NPM_TOKEN_FILE\" would be the secret's, which the agent "
         "does not get: write another"},
        {"name", R"("api")", "line 3: name \"api\" is one of ostiary's own: write another"},
    };
    Parts parts = registry;
    for (const auto& [key, value, complaint] : rows) CHECK(refusal_of(key, value) == complaint);
    for (const char* name : {"", "A", "a b", "a_b", "-a", "a-", "a.b", "abcdefghijklmnopqrstuvwxyz-abcdef"})
      CHECK(refusal_of("name", '"' + std::string(name) + '"')
                .contains("is not of at most 32 lower-case letters"));
    const auto path_refused = [&](const std::string& path) {
      return refusal_of("allow", R"([{"methods": ["GET"], "path": ")" + path + "\"}]");
    };
    CHECK(path_refused("private") == "line 1: path \"private\" does not begin with /: write \"/private\"");
    CHECK(path_refused("/private/*") ==
          "line 1: path \"/private/*\" has a *: write \"below\": true for all paths below one");
    for (const char* path : {"//", "/a/", "/a/../b", "/%61", "/a?b"})
      CHECK(refusal_of("allow", R"([{"methods": ["GET"], "path": ")" + std::string(path) + "\"}]")
                .starts_with("line 1: path is not one that all servers read alike: write one like"));
    for (const char* prefix : {" Bearer ", "Bearer\\t", "B\\u00e4rer"})
      CHECK(refusal_of("prefix", '"' + std::string(prefix) + '"')
                .starts_with("line 4: prefix begins with a space, or"));
    for (const char* prefix : {"Bearer", "v1"})
      CHECK(refusal_of("prefix", '"' + std::string(prefix) + '"')
                .starts_with("line 4: prefix ends without a space, and the secret would follow at once"));
    for (const char* value : {"", "http://127.0.0.1", "{url}{url}", "{URL}"})
      CHECK(refusal_of("value", '"' + std::string(value) + '"')
                .contains(": value does not have {url} once, which"));
    CHECK(refusal("{}") == "line 1: relays is an object: write an array");
    CHECK(refusal("[5]") == "line 1: an entry of relays is a number: write an object");
    CHECK(refusal_of("heder", R"("a")") == "line 3: unknown key \"heder\": did you mean \"header\"?");
  }

  TEST_CASE("no relay sets a variable that decides what programs load or where requests go") {
    for (const char* name :
         {"PATH", "HOME", "LD_PRELOAD", "LD_LIBRARY_PATH", "NODE_OPTIONS", "PYTHONPATH", "BASH_ENV",
          "SSL_CERT_FILE", "https_proxy", "HTTP_PROXY", "NO_PROXY", "OTEL_EXPORTER_OTLP_ENDPOINT",
          "ANTHROPIC_BASE_URL", "CLAUDE_CODE_USE_BEDROCK", "OSTIARY_USER", "GRAFANA_API_TOKEN"})
      CHECK(
          refusal_of("variable", '"' + std::string(name) + '"') ==
          "line 6: variable \"" + std::string(name) +
              "\" is one that the agent's programs or ostiary need: write one like \"NPM_CONFIG_REGISTRY\"");
  }

  TEST_CASE("names and variables are unique, two relays may have one secret, and there are at most eight") {
    const auto numbered = [](const char* name, const char* variable) {
      return object(
          with("name", '"' + std::string(name) + '"', with("variable", '"' + std::string(variable) + '"')));
    };
    CHECK(config_with("[" + numbered("a", "A") + "," + numbered("b", "B") + "]"));
    CHECK(refusal("[" + numbered("a", "A") + ",\n" + numbered("a", "B") + "]") ==
          "line 7: name \"a\" is another relay's: write another");
    CHECK(refusal("[" + numbered("a", "A") + ",\n" + numbered("b", "A") + "]") ==
          "line 7: variable \"A\" is another relay's: write another");
    CHECK(refusal("[" + numbered("a", "A") + ",\n" +
                  object(with("name", R"("b")", with("variable", R"("B")", with("secret", R"("A")")))) +
                  "]") ==
          "line 7: variable \"A\" would be the secret's, which the agent does not get: write another");
    std::string many;
    for (int i = 0; i < 8; ++i)
      many += (i == 0 ? "[" : ",") +
              numbered(("r" + std::to_string(i)).c_str(), ("V" + std::to_string(i)).c_str());
    CHECK(config_with(many + "]").value().relays.size() == 8);
    CHECK(refusal(many + ",\n" + numbered("r8", "V8") + "]") ==
          "line 42: relays has more than 8 entries: leave out the rest");
  }
}
