#include "ostiary/claude/api.h"

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include "outcome.h"
#include "policy/variables.h"

using namespace ostiary;
using namespace ostiary::claude;
using policy::variables;
using relay::AgentVariable;
using relay::Forward;

namespace {

using Values = std::map<std::string_view, std::string_view>;

Forward api_of(Values values) {
  auto api = find_api(variables(std::move(values)));
  REQUIRE_MESSAGE(api, error_of(api));
  return *std::move(api);
}

// Of a session with a key.
std::string refusal_of(Values values) {
  values.emplace("ANTHROPIC_API_KEY", "hunter2");
  const auto api = find_api(variables(std::move(values)));
  CHECK(status_of(api) == 78);
  CHECK_FALSE(error_of(api).contains("hunter2"));
  return error_of(api);
}

// "https gateway.example:443 as gateway.example, /base"
std::string server_of(std::string_view url) {
  const relay::ForwardSetup setup = api_of({{"ANTHROPIC_API_KEY", "x"}, {"ANTHROPIC_BASE_URL", url}}).setup;
  return std::string(inet::text(setup.server.scheme)) + " " + inet::text(setup.server.destination) + " as " +
         setup.authority + ", " + setup.base_path;
}

std::string value_of(const Forward& api, std::string_view name) {
  const auto found = std::ranges::find(api.terms.variables, name, &AgentVariable::name);
  return found == api.terms.variables.end() ? "" : found->value;
}

}  // namespace

TEST_SUITE("claude/api") {
  TEST_CASE("each credential has its header field, and the agent gets a dummy of its form") {
    const Forward key = api_of({{"ANTHROPIC_API_KEY", "sk-ant-api03-hunter2"}});
    CHECK(key.header_line.reveal() == "x-api-key: sk-ant-api03-hunter2\r\n");
    CHECK(value_of(key, "ANTHROPIC_API_KEY").starts_with("sk-ant-api03-kept-by-ostiary"));
    const Forward token = api_of({{"ANTHROPIC_AUTH_TOKEN", "hunter2"}});
    CHECK(token.header_line.reveal() == "Authorization: Bearer hunter2\r\n");
    CHECK(value_of(token, "ANTHROPIC_AUTH_TOKEN").contains("kept-by-ostiary"));
    const Forward oauth = api_of({{"CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-hunter2"}});
    CHECK(oauth.header_line.reveal() == "Authorization: Bearer sk-ant-oat01-hunter2\r\n");
    CHECK(value_of(oauth, "CLAUDE_CODE_OAUTH_TOKEN").starts_with("sk-ant-oat01-kept-by-ostiary"));
    for (const Forward* each : {&key, &token, &oauth}) {
      CHECK(each->terms.variables.size() == 3);
      CHECK(value_of(*each, "ANTHROPIC_BASE_URL") == "http://127.0.0.1:15355");
      CHECK(value_of(*each, "CLAUDE_CODE_PROPAGATE_TRACEPARENT") == "1");
      CHECK(each->setup.replaced == std::vector<std::string>{"x-api-key", "Authorization"});
      for (const AgentVariable& variable : each->terms.variables)
        CHECK_FALSE(variable.value.contains("hunter2"));
    }
  }

  TEST_CASE("the dummies are longer than what Claude Code identifies a key by") {
    for (const std::string_view name :
         {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"})
      CHECK(value_of(api_of({{name, "x"}}), name).size() > 40);
  }

  TEST_CASE("the server is Anthropic's, at public addresses") {
    const Forward api = api_of({{"ANTHROPIC_API_KEY", "x"}});
    CHECK(inet::text(api.setup.server.destination) == "api.anthropic.com:443");
    CHECK(api.setup.server.scheme == inet::Scheme::https);
    CHECK(api.setup.authority == "api.anthropic.com");
    CHECK(text(api.terms.rule) == "api.anthropic.com:443/tcp");
    CHECK(api.terms.rule.answers == policy::Answers::public_only);
  }

  TEST_CASE("or that of ANTHROPIC_BASE_URL, with its path, and a private address is allowed") {
    CHECK(server_of("https://gateway.example") == "https gateway.example:443 as gateway.example, ");
    CHECK(server_of("https://gateway.example/") == "https gateway.example:443 as gateway.example, ");
    CHECK(server_of("http://gateway.example:8080/a/b/") ==
          "http gateway.example:8080 as gateway.example:8080, /a/b");
    CHECK(server_of("https://[2001:db8::1]/a") == "https [2001:db8::1]:443 as [2001:db8::1], /a");
    const Forward api = api_of({{"ANTHROPIC_API_KEY", "x"}, {"ANTHROPIC_BASE_URL", "http://10.1.2.3:8080"}});
    CHECK(text(api.terms.rule) == "10.1.2.3:8080/tcp");
    CHECK(api.terms.rule.answers == policy::Answers::private_too);
    CHECK(api.terms.rule.reason == "ANTHROPIC_BASE_URL");
  }

  TEST_CASE("the files of TLS are those that Claude Code reads") {
    const Forward api = api_of({{"ANTHROPIC_API_KEY", "x"},
                                {"SSL_CERT_FILE", "/a"},
                                {"SSL_CERT_DIR", "/d"},
                                {"NODE_EXTRA_CA_CERTS", "/m"},
                                {"CLAUDE_CODE_CLIENT_CERT", "/c"},
                                {"CLAUDE_CODE_CLIENT_KEY", "/k"},
                                {"OTEL_EXPORTER_OTLP_CERTIFICATE", "/o"}});
    CHECK(api.setup.tls_files ==
          telemetry::TlsFiles{
              .authorities = "/a", .more_authorities = "/m", .client_certificate = "/c", .client_key = "/k"});
  }

  TEST_CASE("exactly one credential must be there, of one word") {
    const auto none = find_api(variables({}));
    CHECK(error_of(none) ==
          "the relay has no credential to add: set ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN or "
          "CLAUDE_CODE_OAUTH_TOKEN");
    CHECK(
        refusal_of({{"CLAUDE_CODE_OAUTH_TOKEN", "hunter2"}}) ==
        "ANTHROPIC_API_KEY and CLAUDE_CODE_OAUTH_TOKEN are both set: keep the one that the relay is to add");
    for (const std::string_view value : {"a hunter2", "hunter2\r\nx: y", "hunter2\xff"})
      CHECK(refusal_of({{"ANTHROPIC_API_KEY", value}}) ==
            "ANTHROPIC_API_KEY has a space, or a letter that is not ASCII: write the credential alone");
  }

  TEST_CASE("refuses other providers, encrypted keys and URLs that it cannot serve") {
    for (const std::string_view name :
         {"CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_MANTLE", "CLAUDE_CODE_USE_ANTHROPIC_AWS",
          "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"}) {
      CHECK(refusal_of({{name, "true"}}) ==
            std::string(name) +
                " is set, and the relay cannot serve that provider: leave out api-relay. Without it the "
                "agent has the credential itself");
      CHECK(api_of({{"ANTHROPIC_API_KEY", "x"}, {name, "0"}}).setup.port == 15355);
    }
    CHECK(refusal_of({{"CLAUDE_CODE_CLIENT_KEY_PASSPHRASE", "hunter2"}}).contains("reads no encrypted key"));
    CHECK(refusal_of({{"ANTHROPIC_BASE_URL", "gateway.example"}}).starts_with("ANTHROPIC_BASE_URL "));
    for (const std::string_view url :
         {"https://g/a?b=c", "https://g/a/../b", "https://g//a", "https://g/%61"})
      CHECK(refusal_of({{"ANTHROPIC_BASE_URL", url}})
                .starts_with("ANTHROPIC_BASE_URL has a path that not all"));
  }
}
