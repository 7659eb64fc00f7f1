#include "ostiary/claude/derive.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "claude/switch.h"
#include "ostiary/base/text.h"
#include "ostiary/claude/providers.h"
#include "ostiary/config/environment.h"
#include "ostiary/inet/url.h"
#include "ostiary/policy/parse.h"

namespace ostiary::claude {
namespace {

using policy::Rule;

constexpr std::string_view bedrock_url = "ANTHROPIC_BEDROCK_BASE_URL";
constexpr std::string_view mantle_url = "ANTHROPIC_BEDROCK_MANTLE_BASE_URL";
constexpr std::string_view platform_on_aws_url = "ANTHROPIC_AWS_BASE_URL";
constexpr std::string_view platform_on_google_cloud_url = "ANTHROPIC_GOOGLE_CLOUD_BASE_URL";
constexpr std::string_view vertex_url = "ANTHROPIC_VERTEX_BASE_URL";

constexpr auto url_variables = std::to_array<std::string_view>({
    bedrock_url,
    mantle_url,
    platform_on_aws_url,
    platform_on_google_cloud_url,
    vertex_url,
    "ANTHROPIC_FOUNDRY_BASE_URL",
    "CODER_AGENT_URL",
});

// Begins the variables with which Vertex AI serves one model from a region other than CLOUD_ML_REGION. There is
// one for each model, so new ones appear.
constexpr std::string_view vertex_region_of_model = "VERTEX_REGION_CLAUDE_";

class Derivation {
 public:
  Derivation(const policy::Lookup& variable, std::span<const std::string> environment, ApiRoad road)
      : variable_(variable), environment_(environment), road_(road) {}

  Result<std::vector<Rule>> run() {
    if (road_ == ApiRoad::direct) {
      TRY(add_host("api.anthropic.com", api_reason));
      TRY(add_sign_in());
    }
    if (uses(bedrock)) TRY(add_bedrock());
    if (uses(mantle)) TRY(add_mantle());
    if (uses(platform_on_aws)) TRY(add_in_aws(platform_on_aws, "aws-claude", platform_on_aws_url));
    if (uses(platform_on_google_cloud)) TRY(add_in_google_cloud());
    if (uses(vertex)) TRY(add_vertex());
    if (uses(foundry)) TRY(add_foundry());
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
    if (has("ANTHROPIC_API_KEY") || has("ANTHROPIC_AUTH_TOKEN") ||
        std::ranges::any_of(providers, [this](std::string_view each) { return uses(each); }))
      return {};
    for (const std::string_view host : {"platform.claude.com", "claude.ai", "claude.com"})
      TRY(add_host(host, "sign-in: no ANTHROPIC_API_KEY"));
    return {};
  }

  Result<> add_bedrock() {
    TRY(add_small_model("bedrock-runtime.", ".amazonaws.com"));
    return add_in_aws(bedrock, "aws-bedrock", bedrock_url);
  }

  Result<> add_mantle() {
    TRY(add_small_model("bedrock-mantle.", ".api.aws"));
    return add_in_aws(mantle, "aws-mantle", mantle_url);
  }

  // A session that uses its own gateway may have no region.
  Result<> add_in_aws(std::string_view provider, std::string_view preset, std::string_view gateway) {
    if (has(gateway) && !has("AWS_REGION") && !has("AWS_DEFAULT_REGION")) return {};
    return add_preset(preset, provider);
  }

  // The host of the small model's region, whose name is between these two.
  Result<> add_small_model(std::string_view before, std::string_view after) {
    constexpr std::string_view region = "ANTHROPIC_SMALL_FAST_MODEL_AWS_REGION";
    if (!has(region)) return {};
    if (get(region).contains('.'))
      return fail(Exit::configuration, std::string(region) + " is not a region: write one like us-east-1");
    std::string host;
    append(host, {before, get(region), after});
    return add_host(host, region);
  }

  Result<> add_in_google_cloud() {
    if (has(platform_on_google_cloud_url)) return add_host("oauth2.googleapis.com", platform_on_google_cloud);
    return add_preset("google-claude", platform_on_google_cloud);
  }

  Result<> add_vertex() {
    for (const std::string_view name : vertex_regions_of_models()) {
      auto host = policy::vertex_host(get(name));
      if (!host) return std::unexpected(std::move(host).error().within(name));
      TRY(add_host(*host, name));
    }
    if (has(vertex_url) && !has("CLOUD_ML_REGION")) return add_host("oauth2.googleapis.com", vertex);
    return add_preset("google-vertex", vertex);
  }

  // The names, each once.
  std::set<std::string_view> vertex_regions_of_models() const {
    std::set<std::string_view> names;
    for (const std::string_view entry : environment_) {
      const std::string_view name = config::name_of(entry);
      if (name.starts_with(vertex_region_of_model) && name.size() > vertex_region_of_model.size() &&
          has(name))
        names.insert(name);
    }
    return names;
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
    return add_host("login.microsoftonline.com", foundry);
  }

  Result<> add_url(std::string_view name) {
    if (!has(name)) return {};
    auto url = inet::Url::parse(get(name));
    if (!url) return fail(url.error().exit, std::string(name) + " " + url.error().message);
    rules_.push_back({.subject = policy::subject_of(url->destination.host),
                      .ports = inet::PortSet(url->destination.port),
                      .answers = policy::Answers::private_too,
                      .tls = policy::tls_of(url->scheme),
                      .reason = std::string(name)});
    return {};
  }

  const policy::Lookup& variable_;
  std::span<const std::string> environment_;
  ApiRoad road_;
  std::vector<Rule> rules_;
};

}  // namespace

Result<std::vector<policy::Rule>> derive(const policy::Lookup& variable,
                                         std::span<const std::string> environment, ApiRoad road) {
  return Derivation(variable, environment, road).run();
}

}  // namespace ostiary::claude
