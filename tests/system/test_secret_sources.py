"""A secret comes from NAME, NAME_FILE or /run/secrets/NAME, but only from one of them."""

import itertools
import os

import pytest

from support.refusal import refusal
from support.telemetry import BASIC, MARKER, TRIO

FORMS = ["variable", "named file", "secrets file"]
PASSED_ON = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"]
OTLP_HEADERS = ["OTEL_EXPORTER_OTLP_HEADERS"] + [
    f"OTEL_EXPORTER_OTLP_{signal}_HEADERS" for signal in ("METRICS", "LOGS", "TRACES")]


def give(sandbox, name, value, form):
    """Stores `value` in this form, and returns the environment for it."""
    if form == "variable":
        return {name: value}
    if form == "named file":
        sandbox.write(f"/work/{name}", value, mode=0o600)
        return {f"{name}_FILE": f"/work/{name}"}
    sandbox.write(f"/run/secrets/{name}", value, mode=0o600)
    return {}


@pytest.mark.parametrize("form", FORMS)
def test_the_trio_is_accepted_in_any_form(sandbox, form):
    env = {}
    for name, value in TRIO.items():
        env |= give(sandbox, name, value, form)
    agent = sandbox.agent_environment(env=env)
    assert agent["OTEL_EXPORTER_OTLP_HEADERS"] == f"Authorization=Basic {BASIC}"
    assert not [name for name in agent if name.startswith("GRAFANA_")]


def test_the_trio_may_mix_the_forms(sandbox):
    env = {}
    for (name, value), form in zip(TRIO.items(), FORMS):
        env |= give(sandbox, name, value, form)
    assert sandbox.agent_environment(env=env)["OTEL_EXPORTER_OTLP_HEADERS"] == f"Authorization=Basic {BASIC}"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", PASSED_ON)
def test_claudes_own_secrets_reach_the_agent_as_variables(sandbox, name, form):
    agent = sandbox.agent_environment("--user", "agent", env=give(sandbox, name, MARKER, form))
    assert agent[name] == MARKER
    assert f"{name}_FILE" not in agent


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", OTLP_HEADERS)
def test_the_exporters_headers_are_accepted_in_any_form(sandbox, name, form):
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    agent = sandbox.agent_environment(env=env | give(sandbox, name, f"x-key={MARKER}", form))
    assert agent[name] == f"x-key={MARKER}"
    assert f"{name}_FILE" not in agent


@pytest.mark.parametrize("form", FORMS)
def test_the_modules_object_is_accepted_in_any_form(sandbox, form):
    text = '{"enabled": true, "otlp_endpoint": "https://module.example", "otlp_protocol": "http/json"}'
    agent = sandbox.agent_environment(env=give(sandbox, "OSTIARY_TELEMETRY", text, form))
    assert agent["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/json"


@pytest.mark.parametrize("one, another", itertools.combinations(FORMS, 2))
@pytest.mark.parametrize("name", ["GRAFANA_API_TOKEN", "ANTHROPIC_API_KEY", "OTEL_EXPORTER_OTLP_HEADERS"])
def test_two_forms_of_one_secret_are_an_error_that_names_both(sandbox, name, one, another):
    env = give(sandbox, name, f"x={MARKER}", one) | give(sandbox, name, f"x={MARKER}", another)
    names = {"variable": name, "named file": f"{name}_FILE", "secrets file": f"/run/secrets/{name}"}
    line = refusal(sandbox.boot("true", env=env), 78)
    assert names[another] in line
    assert names[one] in line.replace(names[another], "")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"], ids=repr)
@pytest.mark.parametrize("form", FORMS[1:])
def test_newlines_at_the_end_of_a_file_are_removed(sandbox, form, end):
    env = give(sandbox, "ANTHROPIC_API_KEY", MARKER + end, form)
    assert sandbox.agent_environment(env=env)["ANTHROPIC_API_KEY"] == MARKER


@pytest.mark.parametrize("character", ["\n", "\r", "\t", "\x1b", "\x7f"], ids=repr)
@pytest.mark.parametrize("form", FORMS)
def test_a_control_character_in_a_secret_is_an_error(sandbox, form, character):
    env = give(sandbox, "GRAFANA_API_TOKEN", f"{MARKER}{character}{MARKER}", form)
    assert "GRAFANA_API_TOKEN" in refusal(sandbox.boot("true", env=env), 78)


def test_a_nul_in_a_secret_is_an_error(sandbox):
    env = give(sandbox, "GRAFANA_API_TOKEN", f"{MARKER}\0{MARKER}", "secrets file")
    assert "GRAFANA_API_TOKEN" in refusal(sandbox.boot("true", env=env), 78)


@pytest.mark.parametrize("form", FORMS[1:])
def test_a_secret_of_more_than_64_kib_is_an_error(sandbox, form):
    env = give(sandbox, "ANTHROPIC_API_KEY", "x" * (64 * 1024 + 1), form)
    assert "ANTHROPIC_API_KEY" in refusal(sandbox.boot("true", env=env), 78)


@pytest.mark.parametrize("path", ["/no/such/file", "/work"])
def test_an_unreadable_secret_file_ends_with_status_66_and_names_the_variable(sandbox, path):
    line = refusal(sandbox.boot("true", env={"GRAFANA_API_TOKEN_FILE": path}), 66)
    assert "GRAFANA_API_TOKEN_FILE" in line and (path == "/work") == (path in line)  # a path that does not exist may be the secret itself


def test_a_secret_file_that_is_a_pipe_does_not_block_the_boot(sandbox):
    os.mkfifo(sandbox.at("/work/pipe"))
    result = sandbox.boot("true", env={"GRAFANA_API_TOKEN_FILE": "/work/pipe"})
    assert result.status in (66, 78), result


def test_a_secret_file_that_is_a_dangling_symlink_is_an_error(sandbox):
    sandbox.symlink("/run/secrets/ANTHROPIC_API_KEY", "/no/such")
    assert "/run/secrets/ANTHROPIC_API_KEY" in refusal(sandbox.boot("true"), 66)
