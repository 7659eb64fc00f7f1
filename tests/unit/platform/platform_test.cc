#include "ostiary/platform/platform.h"

#include <map>
#include <string>

#include <doctest/doctest.h>

using namespace ostiary::platform;

namespace {

using Environment = std::map<std::string, std::string, std::less<>>;

Lookup in(const Environment& environment) {
  return [&environment](std::string_view name) -> std::string_view {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string_view() : found->second;
  };
}

// Lines "key=value <source>", so that a failure shows all of them.
std::string attributes_of(const Environment& environment, const HostFacts& facts = {}) {
  std::string lines;
  for (const auto& [key, value, source] : detect(in(environment), facts).attributes)
    lines += key + "=" + value + " <" + source + ">\n";
  return lines;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_SUITE("platform/platform") {
  TEST_CASE("gives no attributes without a platform") {
    const Environment environment{
        {"FLY_REGION", "ams"}, {"POD_NAME", "p"}, {"GITHUB_SHA", "1"}, {"CODER", "false"}};
    const HostFacts facts{.host_name = "h", .service_account_namespace = "n", .container_id = "c"};
    CHECK(attributes_of(environment, facts).empty());
    CHECK(
        attributes_of({{"GITHUB_REF_NAME", "main"}, {"GITLAB_USER_EMAIL", "a@b"}, {"CI_PROJECT_PATH", "a/b"}})
            .empty());
    CHECK(detect(in(environment), facts).platforms.empty());
  }

  TEST_CASE("Fly's attributes") {
    const Environment environment{{"FLY_MACHINE_ID", "148e"},
                                  {"FLY_APP_NAME", "my-app"},
                                  {"FLY_REGION", "ams"},
                                  {"FLY_MACHINE_VERSION", "01H"},
                                  {"FLY_PROCESS_GROUP", "app"}};
    CHECK(attributes_of(environment) ==
          "fly.app_name=my-app <Fly (FLY_APP_NAME)>\n"
          "fly.machine_id=148e <Fly (FLY_MACHINE_ID)>\n"
          "fly.region=ams <Fly (FLY_REGION)>\n"
          "fly.machine_version=01H <Fly (FLY_MACHINE_VERSION)>\n"
          "fly.process_group=app <Fly (FLY_PROCESS_GROUP)>\n"
          "cloud.provider=fly <Fly>\n"
          "cloud.region=ams <Fly (FLY_REGION)>\n");
    CHECK(detect(in(environment), {}).platforms == Names{"Fly"});
  }

  TEST_CASE("a Coder workspace is detected by either variable, with its template's attributes") {
    Environment environment{{"CODER", "true"}, {"CODER_WORKSPACE_OWNER_NAME", "ann"}};
    CHECK(attributes_of(environment) == "coder.workspace_owner=ann <Coder (CODER_WORKSPACE_OWNER_NAME)>\n");
    environment = {{"CODER_WORKSPACE_NAME", "dev"},
                   {"CODER_WORKSPACE_AGENT_NAME", "main"},
                   {"CODER_WORKSPACE_ID", "7"},
                   {"CODER_TEMPLATE_NAME", "k8s"}};
    CHECK(attributes_of(environment) ==
          "coder.workspace_name=dev <Coder (CODER_WORKSPACE_NAME)>\n"
          "coder.agent_name=main <Coder (CODER_WORKSPACE_AGENT_NAME)>\n"
          "coder.workspace_id=7 <Coder (CODER_WORKSPACE_ID)>\n"
          "coder.template_name=k8s <Coder (CODER_TEMPLATE_NAME)>\n");
  }

  TEST_CASE("a pod uses its host name and service account if nothing better is set") {
    Environment environment{{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}};
    const HostFacts facts{.host_name = "pod-7", .service_account_namespace = "team"};
    CHECK(attributes_of(environment, facts) ==
          "k8s.pod.name=pod-7 <Kubernetes (host name)>\n"
          "k8s.namespace.name=team <Kubernetes (service account)>\n");
    environment.insert({{"POD_NAME", "p"}, {"POD_NAMESPACE", "n"}, {"NODE_NAME", "node"}, {"POD_UID", "u"}});
    CHECK(attributes_of(environment, facts) ==
          "k8s.pod.name=p <Kubernetes (POD_NAME)>\n"
          "k8s.namespace.name=n <Kubernetes (POD_NAMESPACE)>\n"
          "k8s.node.name=node <Kubernetes (NODE_NAME)>\n"
          "k8s.pod.uid=u <Kubernetes (POD_UID)>\n");
  }

  TEST_CASE("a dev container in a codespace has the attributes of both") {
    const Environment environment{{"CODESPACES", "true"},
                                  {"CODESPACE_NAME", "fuzzy-owl"},
                                  {"GITHUB_REPOSITORY", "o/r"},
                                  {"REMOTE_CONTAINERS", "true"}};
    CHECK(attributes_of(environment) ==
          "codespaces.name=fuzzy-owl <Codespaces (CODESPACE_NAME)>\n"
          "vcs.repository.name=o/r <Codespaces (GITHUB_REPOSITORY)>\n"
          "devcontainer=true <devcontainer>\n");
    CHECK(attributes_of({{"DEVCONTAINER", "true"}}) == "devcontainer=true <devcontainer>\n");
  }

  TEST_CASE("GitHub Actions' attributes") {
    CHECK(attributes_of({{"GITHUB_ACTIONS", "true"},
                         {"GITHUB_WORKFLOW", "CI ü"},
                         {"GITHUB_RUN_ID", "12"},
                         {"GITHUB_REPOSITORY", "o/r"},
                         {"GITHUB_SHA", "abc"}}) ==
          "cicd.pipeline.name=CI ü <GitHub Actions (GITHUB_WORKFLOW)>\n"
          "cicd.pipeline.run.id=12 <GitHub Actions (GITHUB_RUN_ID)>\n"
          "vcs.repository.name=o/r <GitHub Actions (GITHUB_REPOSITORY)>\n"
          "vcs.ref.head.revision=abc <GitHub Actions (GITHUB_SHA)>\n");
  }

  TEST_CASE("a pull request of GitHub Actions has the branch that it comes from") {
    Environment environment{{"GITHUB_ACTIONS", "true"}, {"GITHUB_REF_NAME", "7/merge"}};
    CHECK(attributes_of(environment) == "vcs.ref.head.name=7/merge <GitHub Actions (GITHUB_REF_NAME)>\n");
    environment["GITHUB_HEAD_REF"] = "topic";
    CHECK(attributes_of(environment) == "vcs.ref.head.name=topic <GitHub Actions (GITHUB_HEAD_REF)>\n");
  }

  TEST_CASE("GitLab CI's attributes") {
    Environment environment{{"GITLAB_CI", "true"},         {"CI_PIPELINE_NAME", "nightly"},
                            {"CI_PIPELINE_ID", "42"},      {"CI_PROJECT_PATH", "group/sub/project"},
                            {"CI_COMMIT_SHA", "abc"},      {"CI_COMMIT_REF_NAME", "main"},
                            {"GITLAB_USER_EMAIL", "a@b.c"}};
    CHECK(attributes_of(environment) ==
          "cicd.pipeline.name=nightly <GitLab CI (CI_PIPELINE_NAME)>\n"
          "cicd.pipeline.run.id=42 <GitLab CI (CI_PIPELINE_ID)>\n"
          "vcs.repository.name=group/sub/project <GitLab CI (CI_PROJECT_PATH)>\n"
          "vcs.ref.head.revision=abc <GitLab CI (CI_COMMIT_SHA)>\n"
          "vcs.ref.head.name=main <GitLab CI (CI_COMMIT_REF_NAME)>\n"
          "user.email=a@b.c <GitLab CI (GITLAB_USER_EMAIL)>\n");
    environment["CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"] = "topic";
    CHECK(attributes_of(environment).contains("vcs.ref.head.name=topic "));
    CHECK(detect(in(environment), {}).platforms == Names{"GitLab CI"});
  }

  TEST_CASE("a Coder workspace's template may name its owner's address") {
    CHECK(attributes_of({{"CODER", "true"}, {"CODER_WORKSPACE_OWNER_EMAIL", "ann@b.c"}}) ==
          "user.email=ann@b.c <Coder (CODER_WORKSPACE_OWNER_EMAIL)>\n");
  }

  TEST_CASE("the repository describes what no platform does, and is no platform") {
    const HostFacts facts{.repository = {.name = "owner/own", .branch = "main\n"}};
    CHECK(attributes_of({}, facts) ==
          "vcs.repository.name=owner/own <git (.git/config)>\nvcs.ref.head.name=main <git (.git/HEAD)>\n");
    CHECK(attributes_of({{"CODESPACES", "true"}, {"GITHUB_REPOSITORY", "owner/platforms"}}, facts) ==
          "vcs.repository.name=owner/platforms <Codespaces (GITHUB_REPOSITORY)>\n"
          "vcs.ref.head.name=main <git (.git/HEAD)>\n");
    CHECK(detect(in({}), facts).platforms.empty());
  }

  TEST_CASE("a container's ID is an attribute if it can be read") {
    CHECK(attributes_of({}, {.container_id = "0f", .has_dockerenv = true}) ==
          "container.id=0f <Docker (container id)>\n");
    CHECK(attributes_of({}, {.container_id = "0f", .has_containerenv = true}) ==
          "container.id=0f <Podman (container id)>\n");
    CHECK(attributes_of({}, {.has_dockerenv = true}).empty());
  }

  TEST_CASE("several platforms can apply at once, each named once") {
    const Environment environment{
        {"CODER", "true"}, {"CODER_WORKSPACE_NAME", "dev"}, {"KUBERNETES_SERVICE_HOST", "x"}};
    CHECK(detect(in(environment), {.has_dockerenv = true}).platforms ==
          Names{"Coder", "Kubernetes", "Docker"});
    CHECK(attributes_of(environment, {.host_name = "h"}) ==
          "coder.workspace_name=dev <Coder (CODER_WORKSPACE_NAME)>\n"
          "k8s.pod.name=h <Kubernetes (host name)>\n");
  }

  TEST_CASE("a Fly Machine is a microvm, and a container of a pod is in a pod") {
    const Environment fly{{"FLY_MACHINE_ID", "148e"}};
    const Environment pod{{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}};
    CHECK(place_of(in(fly)) == Place::microvm);
    CHECK_FALSE(is_in_a_pod(in(fly)));
    CHECK(place_of(in(pod)) == Place::unknown);
    CHECK(is_in_a_pod(in(pod)));
    const Environment empty{{"FLY_MACHINE_ID", ""}, {"KUBERNETES_SERVICE_HOST", ""}};
    CHECK(place_of(in(empty)) == Place::unknown);
    CHECK_FALSE(is_in_a_pod(in(empty)));
  }
}
