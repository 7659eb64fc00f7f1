"""The plan lists every rule with its reason, also the rules of presets and derived hosts."""


import time

import pytest

from support.agent import Agent
from support.behaviours import addresses, delayed, host
from support.internet import ALLOWED, PRIVATE, UNLISTED
from support.telemetry import COLLECTOR, TRIO, shows_a_secret

PRESETS = ["anthropic", "claude-updates", "claude-interactive", "claude-self-hosted", "github", "gitlab", "vscode", "grafana-cloud", "aws-bedrock", "aws-mantle",
           "aws-claude", "google-vertex", "google-claude", "npm", "debian"]
DIRECT = {"OSTIARY_RELAY": "off"}


def rules(sandbox, *flags, **how):
    return {(rule["host"], rule["ports"], rule["protocol"]): rule["reason"]
            for rule in sandbox.plan(*flags, "--", "true", **how)["rules"]}


def hosts(sandbox, *flags, **how):
    return {host for host, _, _ in rules(sandbox, *flags, **how)}


def test_every_rule_has_its_reason(sandbox):
    sandbox.policy('{\n  "allow": [\n    "file.example",\n    {"host": "10.1.2.0/24", "ports": [5432]}\n  ]\n}\n')
    found = rules(sandbox, "--no-derive", "--allow", "flag.example:22,80",
                  env={"OSTIARY_ALLOW": "variable.example:9/udp"})
    assert set(found) == {("file.example", "443", "tcp"), ("10.1.2.0/24", "5432", "tcp"),
                          ("flag.example", "22,80", "tcp"), ("variable.example", "9", "udp")}
    assert "policy.json" in found["file.example", "443", "tcp"] and "3" in found["file.example", "443", "tcp"]
    assert "--allow" in found["flag.example", "22,80", "tcp"]
    assert "OSTIARY_ALLOW" in found["variable.example", "9", "udp"]


def test_the_plan_as_text_lists_the_rules(sandbox):
    text = sandbox.run("plan", "--no-derive", "--allow", "flag.example:22,80", "--allow", "*.wild.example").stdout
    assert all(word in text for word in ("flag.example", "22,80", "*.wild.example", "--allow"))


@pytest.mark.parametrize("env, expected", [
    ({"ANTHROPIC_API_KEY": "sk-ant-x"}, {"api.anthropic.com"}),
    ({"CLAUDE_CODE_OAUTH_TOKEN": "x"}, {"api.anthropic.com", "platform.claude.com"}),
    ({"CLAUDE_CODE_USE_BEDROCK": "1", "AWS_REGION": "eu-west-1"},
     {"bedrock-runtime.eu-west-1.amazonaws.com", "bedrock.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com",
      "sts.amazonaws.com"}),
    ({"CLAUDE_CODE_USE_VERTEX": "1", "CLOUD_ML_REGION": "us-east5"},
     {"us-east5-aiplatform.googleapis.com", "oauth2.googleapis.com"}),
    ({"CLAUDE_CODE_USE_VERTEX": "1", "CLOUD_ML_REGION": "global"}, {"aiplatform.googleapis.com"}),
    ({"CLAUDE_CODE_USE_VERTEX": "1", "VERTEX_REGION_CLAUDE_OPUS_99": "us-west4"},
     {"us-east5-aiplatform.googleapis.com", "us-west4-aiplatform.googleapis.com"}),
    ({"CLAUDE_CODE_USE_MANTLE": "1", "AWS_REGION": "eu-west-1"},
     {"bedrock-mantle.eu-west-1.api.aws", "sts.eu-west-1.amazonaws.com"}),
    ({"CLAUDE_CODE_USE_ANTHROPIC_AWS": "1", "AWS_REGION": "eu-west-1"},
     {"aws-external-anthropic.eu-west-1.api.aws", "sts.eu-west-1.amazonaws.com"}),
    ({"CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD": "1"}, {"claude.googleapis.com", "oauth2.googleapis.com"}),
    ({"CLAUDE_CODE_USE_FOUNDRY": "1", "ANTHROPIC_FOUNDRY_RESOURCE": "mine"},
     {"mine.services.ai.azure.com", "login.microsoftonline.com"}),
    ({"ANTHROPIC_BASE_URL": "http://gateway.corp.example:8080/v1", "ANTHROPIC_AUTH_TOKEN": "x"},
     {"gateway.corp.example"}),
    ({"CODER": "true", "CODER_AGENT_URL": "https://coder.corp.example"}, {"coder.corp.example"}),
    (TRIO | DIRECT, {"otlp-gateway-prod-eu-west-2.grafana.net"}), (COLLECTOR | DIRECT, {"collector.example"})],
    ids=["API key", "OAuth", "Bedrock", "Vertex", "Vertex global", "Vertex, one model", "Mantle",
         "Claude Platform on AWS", "Claude Platform on Google Cloud", "Foundry", "gateway", "Coder", "Grafana",
         "collector"])
def test_hosts_that_the_session_implies_are_derived(sandbox, env, expected):
    assert expected <= hosts(sandbox, env=env)
    assert not {"statsig.anthropic.com", "sentry.io"} & hosts(sandbox, env=env)


def test_derived_hosts_have_their_ports_and_the_variables_as_reasons(sandbox):
    providers = {"CLAUDE_CODE_USE_VERTEX": "1", "VERTEX_REGION_CLAUDE_OPUS_99": "us-west4",
                 "CLAUDE_CODE_USE_MANTLE": "1", "ANTHROPIC_BEDROCK_MANTLE_BASE_URL": "http://mantle.corp.example:81"}
    found = rules(sandbox, env=COLLECTOR | DIRECT | providers |
                  {"ANTHROPIC_BASE_URL": "http://gateway.corp.example:8080"})
    assert "VERTEX_REGION_CLAUDE_OPUS_99" in found["us-west4-aiplatform.googleapis.com", "443", "tcp"]
    assert "CLAUDE_CODE_USE_VERTEX" in found["us-east5-aiplatform.googleapis.com", "443", "tcp"]
    assert "ANTHROPIC_BEDROCK_MANTLE_BASE_URL" in found["mantle.corp.example", "81", "tcp"]
    assert ("collector.example", "4318", "tcp") in found
    assert "ANTHROPIC_BASE_URL" in found["gateway.corp.example", "8080", "tcp"]
    assert not any(port == "443" for host_name, port, _ in found if host_name == "collector.example")


def test_no_derive_keeps_only_explicit_rules(sandbox):
    assert "api.anthropic.com" not in hosts(sandbox, "--no-derive", "--allow", "mine.example")
    assert "mine.example" in hosts(sandbox, "--no-derive", "--allow", "mine.example")


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_allows_its_hosts_and_is_their_reason(sandbox, preset):
    env = {"AWS_REGION": "eu-west-1", "CLOUD_ML_REGION": "us-east5"}
    found = rules(sandbox, "--no-derive", "--allow", f"preset:{preset}", env=env)
    assert found and all(f"preset:{preset}" in reason for reason in found.values())
    assert not any("{" in host_name for host_name, _, _ in found)


def test_presets_are_listed_with_their_hosts(sandbox):
    result = sandbox.run("presets")
    assert result.status == 0, result
    assert all(preset in result.stdout for preset in PRESETS)
    assert all(name in result.stdout for name in ("api.anthropic.com", "*.githubusercontent.com", "*.npmjs.org"))


def test_the_plan_contains_no_secret(sandbox):
    assert not shows_a_secret(sandbox.run("plan", "--json", env=TRIO).stdout + sandbox.run("plan", env=TRIO).stdout)


# The same rules in a running boot -----------------------------------------------------------------

def run_with(new_container, internet, who, *flags, **how):
    container = new_container()
    user = ["--user", "agent"] if who == "agent" else []
    return container, Agent(container.start("run", *user, *flags, "--", *container.agent_command("driven"), **how))


def test_the_api_and_the_collector_can_be_reached_without_rules(internet, new_container, who, family):
    internet.upstream.name("api.anthropic.com", host(ALLOWED))
    internet.upstream.name("collector.example", host(UNLISTED))
    _, agent = run_with(new_container, internet, who, env=COLLECTOR | DIRECT | {"ANTHROPIC_API_KEY": "x"})
    assert agent.connect(ALLOWED[family], 443)["reached"]
    assert agent.connect(UNLISTED[family], 4318)["reached"]
    assert not agent.connect(UNLISTED[family], 443)["reached"]
    assert not agent.connect(ALLOWED[family], 4318)["reached"]


def test_a_private_gateway_in_a_variable_can_be_reached(internet, new_container, who, family):
    internet.upstream.name("gateway.corp.example", host(PRIVATE))
    _, agent = run_with(new_container, internet, who, env={"ANTHROPIC_BASE_URL": "http://gateway.corp.example:8080",
                                                           "ANTHROPIC_AUTH_TOKEN": "x"})
    assert agent.connect(PRIVATE[family], 8080)["reached"]
    assert not agent.connect(PRIVATE[family], 443)["reached"]


def test_the_api_host_with_a_private_address_is_denied(internet, new_container, who):
    internet.upstream.name("api.anthropic.com", addresses("10.1.2.3"))
    container, agent = run_with(new_container, internet, who, env={"ANTHROPIC_API_KEY": "x"})
    assert agent.asks_for("api.anthropic.com") == [] and container.admitted() == set()


def test_thirty_names_are_resolved_in_parallel(internet, new_container):
    """With a slow resolver, one after the other would take six seconds."""
    internet.upstream.name("*.thirty.example", delayed(0.2, host(ALLOWED)))
    container = new_container()
    begin = time.monotonic()
    result = container.boot("true", flags=[word for n in range(30) for word in ("--allow", f"n{n}.thirty.example")])
    assert result.status == 0 and time.monotonic() - begin < 4, result


def test_more_names_than_the_gate_asks_at_a_time_are_all_admitted(internet, new_container):
    names = [f"n{n}.many.example" for n in range(1100)]
    internet.upstream.name("*.many.example", host(ALLOWED))
    container = new_container()
    container.policy({"allow": names})
    result = container.boot("true", flags=["--resolve-timeout", "60"])
    assert result.status == 0 and "many.example" not in result.stderr, result
    assert internet.upstream.names() == set(names)
