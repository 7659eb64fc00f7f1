"""Resource attributes: found per platform, merged, encoded. A bad pair is an error, because
Claude Code would drop all of them silently."""

import re

import pytest

from support.refusal import refusal
from support.telemetry import COLLECTOR, attributes

PLATFORMS = {
    "fly": ({
        "FLY_MACHINE_ID": "3d8d", "FLY_APP_NAME": "app", "FLY_REGION": "ams", "FLY_MACHINE_VERSION": "01H",
        "FLY_PROCESS_GROUP": "worker",
    }, {
        "fly.app_name": "app", "fly.machine_id": "3d8d", "fly.region": "ams", "fly.machine_version": "01H",
        "fly.process_group": "worker", "cloud.provider": "fly", "cloud.region": "ams",
    }),
    "coder": ({
        "CODER": "true", "CODER_WORKSPACE_NAME": "dev", "CODER_WORKSPACE_OWNER_NAME": "ada",
        "CODER_WORKSPACE_AGENT_NAME": "main",
    }, {"coder.workspace_name": "dev", "coder.workspace_owner": "ada", "coder.agent_name": "main"}),
    "coder with a talkative template": ({
        "CODER_WORKSPACE_NAME": "dev", "CODER_WORKSPACE_ID": "7f-1", "CODER_TEMPLATE_NAME": "big",
    }, {"coder.workspace_name": "dev", "coder.workspace_id": "7f-1", "coder.template_name": "big"}),
    "codespaces": ({
        "CODESPACES": "true", "CODESPACE_NAME": "fluffy-umbrella", "GITHUB_REPOSITORY": "ada/engine",
    }, {"codespaces.name": "fluffy-umbrella", "vcs.repository.name": "ada/engine"}),
    "devcontainer": ({"REMOTE_CONTAINERS": "true"}, {"devcontainer": "true"}),
    "devcontainer by its other name": ({"DEVCONTAINER": "true"}, {"devcontainer": "true"}),
    "kubernetes": ({
        "KUBERNETES_SERVICE_HOST": "10.0.0.1", "POD_NAME": "pod-1", "POD_NAMESPACE": "team", "NODE_NAME": "node-1",
        "POD_UID": "11-22",
    }, {"k8s.pod.name": "pod-1", "k8s.namespace.name": "team", "k8s.node.name": "node-1", "k8s.pod.uid": "11-22"}),
    "kubernetes without the downward API": ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, {"k8s.pod.name": "sandbox"}),
    "github actions": ({
        "GITHUB_ACTIONS": "true", "GITHUB_WORKFLOW": "build it", "GITHUB_RUN_ID": "77",
        "GITHUB_REPOSITORY": "ada/engine", "GITHUB_SHA": "cafe",
    }, {
        "cicd.pipeline.name": "build it", "cicd.pipeline.run.id": "77", "vcs.repository.name": "ada/engine",
        "vcs.ref.head.revision": "cafe",
    }),
    "a pull request in github actions": ({
        "GITHUB_ACTIONS": "true", "GITHUB_REF_NAME": "7/merge", "GITHUB_HEAD_REF": "topic",
    }, {"vcs.ref.head.name": "topic"}),
    "gitlab": ({
        "GITLAB_CI": "true", "CI_PROJECT_PATH": "ada/engine", "CI_COMMIT_REF_NAME": "main",
        "GITLAB_USER_EMAIL": "ada@example.com",
    }, {"vcs.repository.name": "ada/engine", "vcs.ref.head.name": "main", "user.email": "ada@example.com"}),
}


def of_platforms(found):
    return {key: value for key, value in found.items() if not key.startswith("service.")}


@pytest.mark.parametrize("env, expected", PLATFORMS.values(), ids=PLATFORMS)
def test_each_platform_sets_its_attributes(sandbox, env, expected):
    agent = sandbox.agent_environment(env=COLLECTOR | env)
    assert of_platforms(attributes(agent)) == expected


def test_the_repository_in_which_the_agent_starts_describes_what_nothing_else_does(sandbox):
    sandbox.write("/work/project/.git/HEAD", "ref: refs/heads/topic\n")
    sandbox.write("/work/project/.git/config",
                  '[remote "origin"]\n\turl = https://ada:hunter2@git.example/ada/engine.git\n'
                  "[user]\n\temail = eve@example.com\n")
    agent = sandbox.agent_environment("--workdir", "/work/project", env=COLLECTOR)
    assert of_platforms(attributes(agent)) == {"vcs.repository.name": "ada/engine", "vcs.ref.head.name": "topic"}
    own = {"OTEL_RESOURCE_ATTRIBUTES": "vcs.ref.head.name=mine"}
    agent = sandbox.agent_environment("--workdir", "/work/project", env=COLLECTOR | own)
    assert of_platforms(attributes(agent)) == {"vcs.repository.name": "ada/engine", "vcs.ref.head.name": "mine"}


def test_without_a_platform_there_are_no_attributes(sandbox):
    agent = sandbox.agent_environment(env=COLLECTOR | {"GITHUB_REPOSITORY": "ada/engine", "POD_NAME": "x"})
    assert of_platforms(attributes({"OTEL_RESOURCE_ATTRIBUTES": "service.name=x"} | agent)) == {}


def test_the_service_accounts_namespace_is_used_if_the_variable_is_not_set(sandbox):
    sandbox.write("/run/secrets/kubernetes.io/serviceaccount/namespace", "team\n")
    sandbox.symlink("/var/run", "/run")
    agent = sandbox.agent_environment(env=COLLECTOR | {"KUBERNETES_SERVICE_HOST": "10.0.0.1"})
    assert attributes(agent)["k8s.namespace.name"] == "team"


def test_the_users_attributes_override_the_policys_which_override_the_platforms(sandbox):
    sandbox.policy({"telemetry": {
        "enabled": True, "otlp_endpoint": "https://module.example", "otlp_protocol": "http/json",
        "resource_attributes": {"fly.region": "policy", "fly.app_name": "policy", "team": "policy", "more": "x y"}}})
    fly, expected = PLATFORMS["fly"]
    agent = sandbox.agent_environment(env=fly | {"OTEL_RESOURCE_ATTRIBUTES": "fly.region=user,team=user,last=1,last=2"})
    assert of_platforms(attributes(agent)) == expected | {
        "fly.region": "user", "fly.app_name": "policy", "team": "user", "more": "x y", "last": "2"}


@pytest.mark.parametrize("given, value", [
    ("team=a b", "a b"),
    ("team=a%20b", "a b"),
    ("team=caf%C3%A9", "café"),
    ("team=café", "café"),
    ("team=a%2Cb%3Dc%3Bd%5Ce", "a,b=c;d\\e"),
    ("team=a;b\\c\"d", "a;b\\c\"d"),
    ("team=100%25", "100%"),
    ("team=", ""),
    (" team = a ", "a"),
])
def test_a_value_is_encoded_once(sandbox, given, value):
    agent = sandbox.agent_environment(env=COLLECTOR | {"OTEL_RESOURCE_ATTRIBUTES": given})
    assert attributes(agent)["team"] == value


def test_claude_code_accepts_every_pair(sandbox):
    fly, _ = PLATFORMS["fly"]
    hostile = fly | {"FLY_APP_NAME": "a,b=c;d\\e \"f\" %zz\t\x01\x7fé" + "x" * 300, "FLY_REGION": "",
                     "FLY_PROCESS_GROUP": "%4"}
    agent = sandbox.agent_environment(env=COLLECTOR | hostile)
    for pair in agent["OTEL_RESOURCE_ATTRIBUTES"].split(","):
        assert re.fullmatch(r"[a-z0-9._-]+=(?:[A-Za-z0-9._~:/@-]|%[0-9A-F]{2})*", pair)
        assert len(pair.partition("=")[2]) <= 255
    assert attributes(agent)["fly.machine_id"] == "3d8d"


@pytest.mark.parametrize("pair", ["a=b=c", "=b", "x=%4", "x=%", "x=%zz", "x", "x=%4g"])
@pytest.mark.parametrize("around", ["{}", "good=1,{}", "{},good=1"])
def test_a_pair_that_would_make_claude_code_drop_all_is_an_error_that_names_it(sandbox, pair, around):
    env = COLLECTOR | {"OTEL_RESOURCE_ATTRIBUTES": around.format(pair)}
    line = refusal(sandbox.boot("true", env=env), 78)
    key, sign, _ = pair.partition("=")
    where = f" ('{key}')" if sign else ""
    number = 2 if around.startswith("good") else 1
    assert f"OTEL_RESOURCE_ATTRIBUTES: pair {number}{where} has" in line


def test_the_plan_shows_each_attribute_with_its_source(sandbox):
    fly, expected = PLATFORMS["fly"]
    text = sandbox.run("plan", env=COLLECTOR | fly | {"OTEL_RESOURCE_ATTRIBUTES": "team=blue"}).stdout
    assert re.search(r"team\b.*blue.*OTEL_RESOURCE_ATTRIBUTES", text)
    assert re.search(r"fly\.region\b.*ams.*FLY_REGION|fly\.region\b.*ams.*[Ff]ly", text)


def test_the_users_service_name_is_kept(sandbox):
    agent = sandbox.agent_environment(env=COLLECTOR | {"OTEL_SERVICE_NAME": "my agent"})
    assert agent["OTEL_SERVICE_NAME"] == "my agent"


def test_the_service_is_claude_code_by_default(sandbox):
    agent = sandbox.agent_environment(env=COLLECTOR)
    name = agent.get("OTEL_SERVICE_NAME") or attributes(agent)["service.name"]
    assert name == "claude-code"


def test_a_service_name_in_the_users_attributes_is_kept(sandbox):
    agent = sandbox.agent_environment(env=COLLECTOR | {"OTEL_RESOURCE_ATTRIBUTES": "service.name=mine"})
    assert agent.get("OTEL_SERVICE_NAME", "mine") == "mine"
    assert attributes(agent)["service.name"] == "mine"
