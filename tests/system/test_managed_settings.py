"""Claude Code's managed settings: the telemetry settings without the secrets, which no project can override."""

import json
import stat

import pytest

from support.telemetry import COLLECTOR, GRPC, TRIO, telemetry_variables, shows_a_secret

DIRECTORY = "/etc/claude-code/managed-settings.d"
FILE = f"{DIRECTORY}/50-ostiary.json"
PER_SIGNAL = {
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://metrics.example/in",
    "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/json",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://traces.example/in",
}


def settings(sandbox):
    return json.loads(sandbox.read(FILE))


@pytest.mark.parametrize("env", [TRIO, COLLECTOR, GRPC, COLLECTOR | PER_SIGNAL],
                         ids=["trio", "collector", "grpc", "per signal"])
def test_hold_what_the_agent_gets_but_the_headers(sandbox, env):
    agent = telemetry_variables(sandbox.agent_environment(env=env))
    held = settings(sandbox)["env"]
    assert {name: agent[name] for name in held if name in agent} == {k: v for k, v in held.items() if k in agent}
    assert {name for name in agent if name not in held} <= {"OTEL_EXPORTER_OTLP_HEADERS"}
    assert not shows_a_secret(sandbox.read(FILE))


@pytest.mark.parametrize("signal", ["METRICS", "LOGS", "TRACES"])
def test_pin_each_signals_endpoint_so_that_no_project_can_redirect_one(sandbox, signal):
    sandbox.agent_environment(env=TRIO)
    assert "grafana.net" in settings(sandbox)["env"][f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"]


def test_are_roots_and_readable_by_all(sandbox):
    assert sandbox.boot("cat", FILE, env=TRIO, flags=["--user", "agent"]).status == 0
    status = sandbox.at(FILE).stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o644)


def test_make_their_directory(sandbox):
    sandbox.at("/etc/claude-code").rmdir()
    sandbox.agent_environment(env=TRIO)
    assert sandbox.at(DIRECTORY).stat().st_mode & 0o777 == 0o755
    assert sandbox.exists(FILE)


@pytest.mark.parametrize("how", [{"flags": ["--no-managed-settings"]},
                                 {"env": {"OSTIARY_NO_MANAGED_SETTINGS": "true"}}], ids=["flag", "variable"])
def test_are_not_written_where_they_are_not_wanted(sandbox, how):
    assert sandbox.boot("true", **(how | {"env": TRIO | how.get("env", {})})).status == 0
    assert not sandbox.exists(FILE)


def test_are_skipped_with_a_reason_where_they_cannot_be_written(sandbox):
    sandbox.make_read_only("/etc/claude-code")
    result = sandbox.boot("echo", "booted", env=TRIO)
    assert (result.status, result.stdout) == (0, "booted\n")
    assert "managed settings" in result.stderr and "ead-only" in result.stderr


@pytest.mark.parametrize("env", [{}, {"GRAFANA_API_TOKEN": "alone"}], ids=["off", "incomplete"])
def test_do_not_outlive_the_telemetry_they_were_for(sandbox, env):
    sandbox.agent_environment(env=TRIO)
    sandbox.boot("true", env=env)
    assert not sandbox.exists(FILE)


def test_leave_their_neighbours_alone(sandbox):
    sandbox.write(f"{DIRECTORY}/10-theirs.json", "{}")
    sandbox.write("/etc/claude-code/managed-settings.json", "{}")
    sandbox.agent_environment(env=TRIO)
    assert sandbox.read(f"{DIRECTORY}/10-theirs.json") == "{}"
    assert sandbox.read("/etc/claude-code/managed-settings.json") == "{}"


def test_are_not_written_where_telemetry_is_off(sandbox):
    sandbox.boot("true")
    assert not sandbox.exists(FILE)
