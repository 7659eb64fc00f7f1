#include "ostiary/platform/platform.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace ostiary::platform {
namespace {

enum class Platform : uint8_t {
  fly,
  coder,
  codespaces,
  devcontainer,
  kubernetes,
  github_actions,
  gitlab,
  docker,
  podman
};

// A variable with this value, or with any value if `value` is empty, or a file that exists. One
// piece of evidence is enough.
struct Evidence {
  Platform platform;
  std::string_view variable = {};
  std::string_view value = {};
  bool HostFacts::* file = nullptr;
};

constexpr std::array evidence{
    Evidence{Platform::fly, "FLY_MACHINE_ID"},
    Evidence{Platform::coder, "CODER", "true"},
    Evidence{Platform::coder, "CODER_WORKSPACE_NAME"},
    Evidence{Platform::codespaces, "CODESPACES", "true"},
    Evidence{Platform::devcontainer, "REMOTE_CONTAINERS", "true"},
    Evidence{Platform::devcontainer, "DEVCONTAINER", "true"},
    Evidence{Platform::kubernetes, "KUBERNETES_SERVICE_HOST"},
    Evidence{Platform::github_actions, "GITHUB_ACTIONS", "true"},
    Evidence{Platform::gitlab, "GITLAB_CI", "true"},
    Evidence{Platform::docker, {}, {}, &HostFacts::has_dockerenv},
    Evidence{Platform::podman, {}, {}, &HostFacts::has_containerenv},
};

enum class Origin : uint8_t { environment, constant, host_name, service_account_namespace, container_id };

struct Row {
  Platform platform;
  std::string_view key;
  Origin origin;
  std::string_view argument = {};  // the name of the variable, or the constant
};

// If several rows have the same key, the first one with a value is used.
constexpr std::array rows{
    Row{Platform::fly, "fly.app_name", Origin::environment, "FLY_APP_NAME"},
    Row{Platform::fly, "fly.machine_id", Origin::environment, "FLY_MACHINE_ID"},
    Row{Platform::fly, "fly.region", Origin::environment, "FLY_REGION"},
    Row{Platform::fly, "fly.machine_version", Origin::environment, "FLY_MACHINE_VERSION"},
    Row{Platform::fly, "fly.process_group", Origin::environment, "FLY_PROCESS_GROUP"},
    Row{Platform::fly, "cloud.provider", Origin::constant, "fly"},
    Row{Platform::fly, "cloud.region", Origin::environment, "FLY_REGION"},
    Row{Platform::coder, "coder.workspace_name", Origin::environment, "CODER_WORKSPACE_NAME"},
    Row{Platform::coder, "coder.workspace_owner", Origin::environment, "CODER_WORKSPACE_OWNER_NAME"},
    Row{Platform::coder, "coder.agent_name", Origin::environment, "CODER_WORKSPACE_AGENT_NAME"},
    Row{Platform::coder, "coder.workspace_id", Origin::environment, "CODER_WORKSPACE_ID"},
    Row{Platform::coder, "coder.template_name", Origin::environment, "CODER_TEMPLATE_NAME"},
    Row{Platform::coder, "user.email", Origin::environment, "CODER_WORKSPACE_OWNER_EMAIL"},
    Row{Platform::codespaces, "codespaces.name", Origin::environment, "CODESPACE_NAME"},
    Row{Platform::codespaces, "vcs.repository.name", Origin::environment, "GITHUB_REPOSITORY"},
    Row{Platform::devcontainer, "devcontainer", Origin::constant, "true"},
    Row{Platform::kubernetes, "k8s.pod.name", Origin::environment, "POD_NAME"},
    Row{Platform::kubernetes, "k8s.pod.name", Origin::host_name},
    Row{Platform::kubernetes, "k8s.namespace.name", Origin::environment, "POD_NAMESPACE"},
    Row{Platform::kubernetes, "k8s.namespace.name", Origin::service_account_namespace},
    Row{Platform::kubernetes, "k8s.node.name", Origin::environment, "NODE_NAME"},
    Row{Platform::kubernetes, "k8s.pod.uid", Origin::environment, "POD_UID"},
    Row{Platform::github_actions, "cicd.pipeline.name", Origin::environment, "GITHUB_WORKFLOW"},
    Row{Platform::github_actions, "cicd.pipeline.run.id", Origin::environment, "GITHUB_RUN_ID"},
    Row{Platform::github_actions, "vcs.repository.name", Origin::environment, "GITHUB_REPOSITORY"},
    Row{Platform::github_actions, "vcs.ref.head.revision", Origin::environment, "GITHUB_SHA"},
    Row{Platform::github_actions, "vcs.ref.head.name", Origin::environment, "GITHUB_HEAD_REF"},
    Row{Platform::github_actions, "vcs.ref.head.name", Origin::environment, "GITHUB_REF_NAME"},
    Row{Platform::gitlab, "cicd.pipeline.name", Origin::environment, "CI_PIPELINE_NAME"},
    Row{Platform::gitlab, "cicd.pipeline.run.id", Origin::environment, "CI_PIPELINE_ID"},
    Row{Platform::gitlab, "vcs.repository.name", Origin::environment, "CI_PROJECT_PATH"},
    Row{Platform::gitlab, "vcs.ref.head.revision", Origin::environment, "CI_COMMIT_SHA"},
    Row{Platform::gitlab, "vcs.ref.head.name", Origin::environment, "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"},
    Row{Platform::gitlab, "vcs.ref.head.name", Origin::environment, "CI_COMMIT_REF_NAME"},
    Row{Platform::gitlab, "user.email", Origin::environment, "GITLAB_USER_EMAIL"},
    Row{Platform::docker, "container.id", Origin::container_id},
    Row{Platform::podman, "container.id", Origin::container_id},
};

std::string_view name_of(Platform platform) {
  switch (platform) {
    case Platform::fly:
      return "Fly";
    case Platform::coder:
      return "Coder";
    case Platform::codespaces:
      return "Codespaces";
    case Platform::devcontainer:
      return "devcontainer";
    case Platform::kubernetes:
      return "Kubernetes";
    case Platform::github_actions:
      return "GitHub Actions";
    case Platform::gitlab:
      return "GitLab CI";
    case Platform::docker:
      return "Docker";
    case Platform::podman:
      return "Podman";
  }
  return {};
}

bool holds(const Evidence& row, const Lookup& environment, const HostFacts& facts) {
  if (row.file != nullptr) return facts.*row.file;
  const std::string_view value = environment(row.variable);
  return row.value.empty() ? !value.empty() : value == row.value;
}

bool runs_on(Platform platform, const Lookup& environment, const HostFacts& facts) {
  return std::ranges::any_of(evidence, [&](const Evidence& row) {
    return row.platform == platform && holds(row, environment, facts);
  });
}

std::string_view value_of(const Row& row, const Lookup& environment, const HostFacts& facts) {
  switch (row.origin) {
    case Origin::environment:
      return environment(row.argument);
    case Origin::constant:
      return row.argument;
    case Origin::host_name:
      return facts.host_name;
    case Origin::service_account_namespace:
      return facts.service_account_namespace;
    case Origin::container_id:
      return facts.container_id;
  }
  return {};
}

std::string source_of(const Row& row) {
  std::string platform(name_of(row.platform));
  switch (row.origin) {
    case Origin::environment:
      return platform + " (" + std::string(row.argument) + ")";
    case Origin::host_name:
      return platform + " (host name)";
    case Origin::service_account_namespace:
      return platform + " (service account)";
    case Origin::container_id:
      return platform + " (container id)";
    case Origin::constant:
      break;
  }
  return platform;
}

std::vector<std::string> names_of(const Lookup& environment, const HostFacts& facts) {
  std::vector<std::string> names;
  for (const Evidence& row : evidence) {
    const std::string_view name = name_of(row.platform);
    if (holds(row, environment, facts) && std::ranges::find(names, name) == names.end())
      names.emplace_back(name);
  }
  return names;
}

std::vector<telemetry::Attribute> attributes_of(const Lookup& environment, const HostFacts& facts) {
  std::vector<telemetry::Attribute> attributes;
  const auto add = [&](std::string_view key, std::string_view value, const std::string& source) {
    if (std::ranges::find(attributes, key, &telemetry::Attribute::key) != attributes.end()) return;
    auto attribute = telemetry::automatic_attribute(key, value, source);
    if (attribute) attributes.push_back(*std::move(attribute));
  };
  for (const Row& row : rows)
    if (runs_on(row.platform, environment, facts))
      add(row.key, value_of(row, environment, facts), source_of(row));
  add("vcs.repository.name", facts.repository.name, "git (.git/config)");
  add("vcs.ref.head.name", facts.repository.branch, "git (.git/HEAD)");
  return attributes;
}

}  // namespace

telemetry::PlatformAttributes detect(const Lookup& environment, const HostFacts& facts) {
  return {.platforms = names_of(environment, facts), .attributes = attributes_of(environment, facts)};
}

Place place_of(const Lookup& environment) {
  return runs_on(Platform::fly, environment, {}) ? Place::microvm : Place::unknown;
}

bool is_in_a_pod(const Lookup& environment) {
  return runs_on(Platform::kubernetes, environment, {});
}

}  // namespace ostiary::platform
