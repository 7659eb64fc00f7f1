#include "ostiary/claude/derive.h"

#include <algorithm>
#include <array>
#include <string>

#include "claude/switch.h"
#include "ostiary/inet/url.h"
#include "ostiary/policy/parse.h"

namespace ostiary::claude {
namespace {

using policy::Rule;

constexpr auto url_variables = std::to_array<std::string_view>({
    "ANTHROPIC_BEDROCK_BASE_URL",
    "ANTHROPIC_VERTEX_BASE_URL",
    "ANTHROPIC_FOUNDRY_BASE_URL",
    "CODER_AGENT_URL",
});

// Vertex AI can serve a model from a region other than CLOUD_ML_REGION.
constexpr auto vertex_region_variables = std::to_array<std::string_view>({
    "VERTEX_REGION_CLAUDE_3_5_HAIKU",
    "VERTEX_REGION_CLAUDE_3_5_SONNET",
    "VERTEX_REGION_CLAUDE_3_7_SONNET",
    "VERTEX_REGION_CLAUDE_4_0_OPUS",
    "VERTEX_REGION_CLAUDE_4_0_SONNET",
    "VERTEX_REGION_CLAUDE_4_1_OPUS",
    "VERTEX_REGION_CLAUDE_4_5_OPUS",
    "VERTEX_REGION_CLAUDE_4_5_SONNET",
    "VERTEX_REGION_CLAUDE_HAIKU_4_5",
});

class Derivation {
 public:
  Derivation(const policy::Lookup& variable, ApiRoad road) : variable_(variable), road_(road) {}

  Result<std::vector<Rule>> run() {
    if (road_ == ApiRoad::direct) {
      TRY(add_host("api.anthropic.com", api_reason));
      TRY(add_sign_in());
    }
    if (uses("CLAUDE_CODE_USE_BEDROCK")) TRY(add_bedrock());
    if (uses("CLAUDE_CODE_USE_VERTEX")) TRY(add_vertex());
    if (uses("CLAUDE_CODE_USE_FOUNDRY")) TRY(add_foundry());
    if (road_ == ApiRoad::direct) TRY(add_url("ANTHROPIC_BASE_URL"));
    for (const std::string_view name : url_variables) TRY(add_url(name));
    return std::move(rules_);
  }

 private:
  std::string_view get(std::string_view name) const { return variable_(name); }
  bool has(std::string_view name) const { return !get(name).empty(); }
  bool uses(std::string_view name) const { return is_on(get(name)); }

  Result<> add_host(std::string_view host, std::string_view reason) {
    auto name = inet::HostName::parse(host);
    if (!name) return std::unexpected(std::move(name).error().within(reason));
    rules_.push_back({.subject = *std::move(name), .reason = std::string(reason)});
    return {};
  }

  Result<> add_preset(std::string_view preset, std::string_view reason) {
    auto entries = policy::expand_preset(preset, variable_);
    if (!entries) return std::unexpected(std::move(entries).error().within(reason));
    for (const std::string& entry : *entries)
      for (Rule& rule : TRY(policy::parse_entry(entry, reason, variable_))) rules_.push_back(std::move(rule));
    return {};
  }

  Result<> add_sign_in() {
    constexpr std::string_view token = "CLAUDE_CODE_OAUTH_TOKEN";
    if (has(token)) return add_host("platform.claude.com", token);
    if (has("ANTHROPIC_API_KEY") || has("ANTHROPIC_AUTH_TOKEN") || uses("CLAUDE_CODE_USE_BEDROCK") ||
        uses("CLAUDE_CODE_USE_VERTEX") || uses("CLAUDE_CODE_USE_FOUNDRY"))
      return {};
    for (const std::string_view host : {"platform.claude.com", "claude.ai", "claude.com"})
      TRY(add_host(host, "sign-in: no ANTHROPIC_API_KEY"));
    return {};
  }

  Result<> add_bedrock() {
    constexpr std::string_view region = "ANTHROPIC_SMALL_FAST_MODEL_AWS_REGION";
    if (has(region)) TRY(add_small_model(region));
    // A session that uses its own gateway may have no region.
    if (has("ANTHROPIC_BEDROCK_BASE_URL") && !has("AWS_REGION") && !has("AWS_DEFAULT_REGION")) return {};
    return add_preset("aws-bedrock", "CLAUDE_CODE_USE_BEDROCK");
  }

  Result<> add_small_model(std::string_view region) {
    if (get(region).contains('.'))
      return fail(Exit::configuration, std::string(region) + " is not a region: write one like us-east-1");
    return add_host("bedrock-runtime." + std::string(get(region)) + ".amazonaws.com", region);
  }

  Result<> add_vertex() {
    for (const std::string_view name : vertex_region_variables) {
      if (!has(name)) continue;
      auto host = policy::vertex_host(get(name));
      if (!host) return std::unexpected(std::move(host).error().within(name));
      TRY(add_host(*host, name));
    }
    if (has("ANTHROPIC_VERTEX_BASE_URL") && !has("CLOUD_ML_REGION"))
      return add_host("oauth2.googleapis.com", "CLAUDE_CODE_USE_VERTEX");
    return add_preset("google-vertex", "CLAUDE_CODE_USE_VERTEX");
  }

  Result<> add_foundry() {
    constexpr std::string_view resource = "ANTHROPIC_FOUNDRY_RESOURCE";
    if (!has(resource) && !has("ANTHROPIC_FOUNDRY_BASE_URL"))
      return fail(Exit::configuration,
                  "CLAUDE_CODE_USE_FOUNDRY needs a resource: set ANTHROPIC_FOUNDRY_RESOURCE or "
                  "ANTHROPIC_FOUNDRY_BASE_URL");
    if (get(resource).contains('.'))
      return fail(Exit::configuration,
                  std::string(resource) + " is a host; write the part before .services.ai.azure.com");
    if (has(resource)) TRY(add_host(std::string(get(resource)) + ".services.ai.azure.com", resource));
    return add_host("login.microsoftonline.com", "CLAUDE_CODE_USE_FOUNDRY");
  }

  Result<> add_url(std::string_view name) {
    if (!has(name)) return {};
    auto url = inet::Url::parse(get(name));
    if (!url) return fail(url.error().exit, std::string(name) + " " + url.error().message);
    rules_.push_back({.subject = subject_of(url->destination.host),
                      .ports = inet::PortSet(url->destination.port),
                      .answers = policy::Answers::private_too,
                      .reason = std::string(name)});
    return {};
  }

  static policy::Subject subject_of(const inet::Host& host) {
    if (const auto* name = std::get_if<inet::HostName>(&host)) return *name;
    return inet::Prefix::single(std::get<inet::IpAddress>(host));
  }

  const policy::Lookup& variable_;
  ApiRoad road_;
  std::vector<Rule> rules_;
};

}  // namespace

Result<std::vector<policy::Rule>> derive(const policy::Lookup& variable, ApiRoad road) {
  return Derivation(variable, road).run();
}

}  // namespace ostiary::claude
