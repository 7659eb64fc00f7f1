#include "ostiary/policy/presets.h"

#include <algorithm>
#include <array>

#include "ostiary/base/nearest.h"
#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"

namespace ostiary::policy {
namespace {

using Entry = std::string_view;

constexpr auto anthropic = std::to_array<Entry>({
    "api.anthropic.com",
    "platform.claude.com",
    "claude.ai",
    "claude.com",
    "code.claude.com",
    "mcp-proxy.anthropic.com",
});

constexpr auto claude_updates = std::to_array<Entry>({
    "downloads.claude.ai",
});

constexpr auto claude_interactive = std::to_array<Entry>({
    "downloads.claude.ai",
    "github.com",
    "raw.githubusercontent.com",
    "registry.npmjs.org",
});

// No git host: each environment has its own.
constexpr auto claude_self_hosted = std::to_array<Entry>({
    "api.anthropic.com",
    "code.claude.com",
    "claude.com",
    "downloads.claude.ai",
});

constexpr auto github = std::to_array<Entry>({
    "github.com:22,443",
    "ssh.github.com:443/raw",
    "api.github.com",
    "codeload.github.com",
    "uploads.github.com",
    "gist.github.com",
    "*.githubusercontent.com",
    "lfs.github.com",
    "github-cloud.s3.amazonaws.com",
    "ghcr.io",
    "*.pkg.github.com",
});

constexpr auto gitlab = std::to_array<Entry>({
    "gitlab.com:22,443",
    "altssh.gitlab.com:443/raw",
    "registry.gitlab.com",
    "cdn.registry.gitlab-static.net",
});

constexpr auto vscode = std::to_array<Entry>({
    "update.code.visualstudio.com",
    "marketplace.visualstudio.com",
    "*.gallery.vsassets.io",
    "*.gallerycdn.vsassets.io",
    "*.vscode-cdn.net",
    "*.vscode-unpkg.net",
    "vscode.download.prss.microsoft.com",
});

constexpr auto grafana_cloud = std::to_array<Entry>({
    "*.grafana.net",
});

// The region is a placeholder: a wildcard would open every bucket and machine of every AWS
// customer.
constexpr auto aws_bedrock = std::to_array<Entry>({
    "bedrock-runtime.{AWS_REGION}.amazonaws.com",
    "bedrock.{AWS_REGION}.amazonaws.com",
    "sts.{AWS_REGION}.amazonaws.com",
    "sts.amazonaws.com",
    "portal.sso.{AWS_REGION}.amazonaws.com",
    "oidc.{AWS_REGION}.amazonaws.com",
});

constexpr auto aws_mantle = std::to_array<Entry>({
    "bedrock-mantle.{AWS_REGION}.api.aws",
    "sts.{AWS_REGION}.amazonaws.com",
    "sts.amazonaws.com",
    "portal.sso.{AWS_REGION}.amazonaws.com",
    "oidc.{AWS_REGION}.amazonaws.com",
});

constexpr auto aws_claude = std::to_array<Entry>({
    "aws-external-anthropic.{AWS_REGION}.api.aws",
    "sts.{AWS_REGION}.amazonaws.com",
    "sts.amazonaws.com",
    "portal.sso.{AWS_REGION}.amazonaws.com",
    "oidc.{AWS_REGION}.amazonaws.com",
});

constexpr auto google_vertex = std::to_array<Entry>({
    "{VERTEX_HOST}",
    "oauth2.googleapis.com",
});

constexpr auto google_claude = std::to_array<Entry>({
    "claude.googleapis.com",
    "oauth2.googleapis.com",
});

constexpr auto npm = std::to_array<Entry>({
    "*.npmjs.org",
});

constexpr auto debian = std::to_array<Entry>({
    "*.debian.org:80,443",
});

constexpr std::array<Preset, 15> all{{
    {"anthropic", "Claude's API, sign-in and documentation", anthropic},
    {"claude-updates", "Claude Code's own updates", claude_updates},
    {"claude-interactive", "what an interactive Claude Code asks for besides its API", claude_interactive},
    {"claude-self-hosted", "a runner of self-hosted environments and its sessions, without a git host",
     claude_self_hosted},
    {"github", "git, API, releases, packages and containers of github.com", github},
    {"gitlab", "git, API and containers of gitlab.com", gitlab},
    {"vscode", "VS Code's server, updates and extensions", vscode},
    {"grafana-cloud", "every Grafana Cloud stack and OTLP gateway", grafana_cloud},
    {"aws-bedrock", "Claude on Amazon Bedrock in AWS_REGION", aws_bedrock},
    {"aws-mantle", "Claude on Amazon Bedrock's Mantle endpoint in AWS_REGION", aws_mantle},
    {"aws-claude", "Claude Platform on AWS in AWS_REGION", aws_claude},
    {"google-vertex", "Claude on Google Vertex AI in CLOUD_ML_REGION", google_vertex},
    {"google-claude", "Claude Platform on Google Cloud", google_claude},
    {"npm", "the npm registry", npm},
    {"debian", "Debian's package archives", debian},
}};

bool is_region(std::string_view text) {
  constexpr size_t longest = 40;
  return !text.empty() && text.size() <= longest && text.front() != '-' && text.back() != '-' &&
         std::ranges::all_of(text, [](char c) { return is_lower_case(c) || is_digit(c) || c == '-'; });
}

Result<std::string> aws_region(const Lookup& variable) {
  std::string_view name = "AWS_REGION";
  if (variable(name).empty()) name = "AWS_DEFAULT_REGION";
  const std::string_view region = variable(name);
  if (region.empty()) return fail(Exit::configuration, "needs a region: set AWS_REGION, like us-east-1");
  if (!is_region(region))
    return fail(Exit::configuration, std::string(name) + " is not a region: write one like us-east-1");
  return std::string(region);
}

Result<std::string> session_vertex_host(const Lookup& variable) {
  std::string_view region = variable("CLOUD_ML_REGION");
  if (region.empty()) region = "us-east5";  // as Claude Code does
  auto host = vertex_host(region);
  if (!host) return std::unexpected(std::move(host).error().within("CLOUD_ML_REGION"));
  return host;
}

struct Placeholder {
  std::string_view mark;
  Result<std::string> (*value)(const Lookup& variable);
};

constexpr std::array<Placeholder, 2> placeholders{{
    {"{AWS_REGION}", aws_region},
    {"{VERTEX_HOST}", session_vertex_host},
}};

Result<std::string> fill_in(std::string_view entry, const Lookup& variable) {
  for (const auto& [mark, value] : placeholders) {
    const size_t at = entry.find(mark);
    if (at == std::string_view::npos) continue;
    const std::string filled = TRY(value(variable));
    return std::string(entry).replace(at, mark.size(), filled);
  }
  return std::string(entry);
}

std::unexpected<Error> unknown(std::string_view name) {
  std::array<std::string_view, all.size()> names;
  std::ranges::transform(all, names.begin(), &Preset::name);
  const std::string_view meant = nearest(name, names);
  if (!meant.empty())
    return fail(Exit::configuration,
                "unknown preset " + quote(name) + ": did you mean \"preset:" + std::string(meant) + "\"?");
  return fail(Exit::configuration,
              "unknown preset " + quote(name) + ": the presets are " + join(names, ", "));
}

}  // namespace

std::span<const Preset> presets() {
  return all;
}

Result<std::string> vertex_host(std::string_view region) {
  if (!is_region(region))
    return fail(Exit::configuration, "is not a region: write one like us-east5 or global");
  if (region == "global") return "aiplatform.googleapis.com";
  if (region == "us" || region == "eu") return "aiplatform." + std::string(region) + ".rep.googleapis.com";
  return std::string(region) + "-aiplatform.googleapis.com";
}

Result<std::vector<std::string>> expand_preset(std::string_view name, const Lookup& variable) {
  const auto* preset = std::ranges::find(all, name, &Preset::name);
  if (preset == all.end()) return unknown(name);
  std::vector<std::string> entries;
  for (const std::string_view entry : preset->entries) {
    auto filled = fill_in(entry, variable);
    if (!filled) return std::unexpected(std::move(filled).error().within("preset:" + std::string(name)));
    entries.push_back(*std::move(filled));
  }
  return entries;
}

}  // namespace ostiary::policy
