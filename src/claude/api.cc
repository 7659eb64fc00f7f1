#include "ostiary/claude/api.h"

#include <algorithm>
#include <array>
#include <optional>

#include "claude/switch.h"
#include "ostiary/base/text.h"
#include "ostiary/claude/derive.h"
#include "ostiary/claude/providers.h"
#include "ostiary/http/path.h"
#include "ostiary/inet/url.h"
#include "ostiary/telemetry/authorities.h"

namespace ostiary::claude {
namespace {

using relay::AgentVariable;
using relay::AllowedRequests;

struct Credential {
  std::string_view variable;
  std::string_view field;
  std::string_view scheme;  // in front of the value
  std::string_view dummy;   // of the length and the form that Claude Code expects
};

constexpr std::string_view api_key_field = "x-api-key";
constexpr std::string_view token_field = "Authorization";
constexpr std::array credentials{Credential{"ANTHROPIC_API_KEY", api_key_field, "",
                                            "sk-ant-api03-kept-by-ostiary-the-relay-adds-the-real-key"},
                                 Credential{"ANTHROPIC_AUTH_TOKEN", token_field, "Bearer ",
                                            "kept-by-ostiary-the-relay-adds-the-real-token"},
                                 Credential{"CLAUDE_CODE_OAUTH_TOKEN", token_field, "Bearer ",
                                            "sk-ant-oat01-kept-by-ostiary-the-relay-adds-the-real-token"}};
constexpr std::string_view all_credentials =
    "ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN or CLAUDE_CODE_OAUTH_TOKEN";

constexpr std::string_view base_url = "ANTHROPIC_BASE_URL";
constexpr std::string_view standard_url = "https://api.anthropic.com";

// Of the API and of its clients, beside those that describe the content: http/forwardable.h.
constexpr std::array<std::string_view, 5> passing_fields{"anthropic-", "x-anthropic-", "x-app", "x-claude-",
                                                         "x-stainless-"};

// What Claude Code loses, since its base URL is not Anthropic's.
constexpr std::string_view lost_features =
    "an organisation's server-managed settings, policy limits, feature flags and some betas";
constexpr std::string_view passphrase = "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE";

std::unexpected<Error> refuse(std::initializer_list<std::string_view> parts) {
  std::string message;
  append(message, parts);
  return fail(Exit::configuration, std::move(message));
}

Result<> check_obstacles(const policy::Lookup& variable) {
  for (const std::string_view name : providers)
    if (is_on(variable(name)))
      return refuse({name,
                     " is set, and the relay cannot serve that provider: leave out api-relay. Without it "
                     "the agent has the credential itself"});
  if (!variable(passphrase).empty())
    return refuse({passphrase,
                   " is set, and the relay reads no encrypted key: take out the variable, or leave "
                   "out api-relay"});
  return {};
}

Result<const Credential*> find_credential(const policy::Lookup& variable) {
  const Credential* found = nullptr;
  for (const Credential& each : credentials) {
    if (variable(each.variable).empty()) continue;
    if (found != nullptr)
      return refuse({found->variable, " and ", each.variable,
                     " are both set: keep the one that the relay is "
                     "to add"});
    found = &each;
  }
  if (found == nullptr) return refuse({"the relay has no credential to add: set ", all_credentials});
  if (!std::ranges::all_of(variable(found->variable), is_graphic))
    return refuse(
        {found->variable, " has a space, or a letter that is not ASCII: write the credential alone"});
  return found;
}

Secret header_line(const Credential& credential, std::string_view value) {
  std::string line;
  line.reserve(credential.field.size() + credential.scheme.size() + value.size() + 4);
  append(line, {credential.field, ": ", credential.scheme, value, "\r\n"});
  return Secret(std::move(line));
}

Result<std::string> base_path_of(const inet::Url& url) {
  if (auto path = http::base_path(url.path)) return *std::move(path);
  return refuse({base_url,
                 " has a path that not all servers read alike: write one like https://HOST/path, "
                 "without a percent sign, a query or an empty part"});
}

// What a session asks of its base URL.
std::vector<AllowedRequests> allowed_requests() {
  using Match = AllowedRequests::Match;
  return {{.methods = {"POST"}, .path = "/v1/messages", .match = Match::exact},
          {.methods = {"POST"}, .path = "/v1/messages/count_tokens", .match = Match::exact},
          {.methods = {"GET"}, .path = "/v1/models", .match = Match::with_paths_below},
          {.methods = {"GET", "HEAD"}, .path = "/api/hello", .match = Match::exact}};
}

policy::Rule rule_for(const inet::Destination& destination, bool is_standard) {
  return {.subject = policy::subject_of(destination.host),
          .ports = inet::PortSet(destination.port),
          .answers = is_standard ? policy::Answers::public_only : policy::Answers::private_too,
          .reason = std::string(is_standard ? api_reason : base_url)};
}

telemetry::TlsFiles find_tls_files(const policy::Lookup& variable) {
  telemetry::TlsFiles files = telemetry::find_authorities(variable);
  files.client_certificate = variable("CLAUDE_CODE_CLIENT_CERT");
  files.client_key = variable("CLAUDE_CODE_CLIENT_KEY");
  return files;
}

std::vector<AgentVariable> variables_for(const Credential& credential) {
  using Place = AgentVariable::Place;
  return {{.name = std::string(base_url),
           .value = "http://127.0.0.1:" + std::to_string(api_port),
           .place = Place::managed_settings_too},
          {.name = std::string(credential.variable), .value = std::string(credential.dummy)},
          // Otherwise Claude Code propagates it to its own API alone.
          {.name = "CLAUDE_CODE_PROPAGATE_TRACEPARENT", .value = "1", .place = Place::managed_settings_too}};
}

}  // namespace

Result<relay::Forward> find_api(const policy::Lookup& variable) {
  TRY(check_obstacles(variable));
  const Credential& credential = *TRY(find_credential(variable));
  const std::string_view given = variable(base_url);
  const auto url = inet::Url::parse(given.empty() ? standard_url : given);
  if (!url) return refuse({base_url, " ", url.error().message});
  return relay::Forward{.setup = {.name = "Claude's API",
                                  .port = api_port,
                                  .server = {.scheme = url->scheme, .destination = url->destination},
                                  .authority = inet::authority(url->scheme, url->destination),
                                  .base_path = TRY(base_path_of(*url)),
                                  .replaced = {std::string(api_key_field), std::string(token_field)},
                                  .passing = {passing_fields.begin(), passing_fields.end()},
                                  .allowed = allowed_requests(),
                                  .tls_files = find_tls_files(variable),
                                  .errors = relay::ErrorForm::anthropic,
                                  .after_body = relay::AfterBody::kept_on_success},
                        .header_line = header_line(credential, variable(credential.variable)),
                        .terms = {.rule = rule_for(url->destination, given.empty()),
                                  .variables = variables_for(credential),
                                  .setting = "api-relay",
                                  .host_setting = std::string(base_url),
                                  .substitute = relay::Substitute::dummy,
                                  .lost = std::string(lost_features)}};
}

}  // namespace ostiary::claude
