"""Claude Code's managed settings: the telemetry settings without the secrets. A project cannot
override them."""

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
def test_the_settings_have_the_agents_variables_except_the_headers(sandbox, env):
    agent = telemetry_variables(sandbox.agent_environment(env=env))
    held = settings(sandbox)["env"]
    assert {name: agent[name] for name in held if name in agent} == {k: v for k, v in held.items() if k in agent}
    assert {name for name in agent if name not in held} <= {"OTEL_EXPORTER_OTLP_HEADERS"}
    assert not shows_a_secret(sandbox.read(FILE))


@pytest.mark.parametrize("signal", ["METRICS", "LOGS", "TRACES"])
def test_the_settings_pin_each_signals_endpoint(sandbox, signal):
    sandbox.agent_environment(env=TRIO)
    assert "grafana.net" in settings(sandbox)["env"][f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"]


def test_root_owns_the_settings_and_all_users_can_read_them(sandbox):
    assert sandbox.boot("cat", FILE, env=TRIO, flags=["--user", "agent"]).status == 0
    status = sandbox.at(FILE).stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o644)


@pytest.mark.parametrize("name, content, warns", [
    ("60-ostiary-telemetry.json", {"env": {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://other.example"}}, True),
    ("40-company.json", {"env": {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://other.example"}}, False),
    ("60-company.json", {"env": {"EDITOR": "vi"}}, False)], ids=["later", "earlier", "of another matter"])
def test_other_managed_settings_that_redirect_telemetry_are_a_warning(sandbox, name, content, warns):
    sandbox.write(f"{DIRECTORY}/{name}", json.dumps(content))
    result = sandbox.boot("true", env=TRIO)
    said = f"{DIRECTORY}/{name} says where telemetry is sent, and wins over {FILE}: remove its OTEL_ variables"
    assert result.status == 0 and (said in result.stderr) == warns, result


def test_the_settings_directory_is_made(sandbox):
    sandbox.at("/etc/claude-code").rmdir()
    sandbox.agent_environment(env=TRIO)
    assert sandbox.at(DIRECTORY).stat().st_mode & 0o777 == 0o755
    assert sandbox.exists(FILE)


@pytest.mark.parametrize("how", [{"flags": ["--no-managed-settings"]},
                                 {"env": {"OSTIARY_NO_MANAGED_SETTINGS": "true"}}], ids=["flag", "variable"])
def test_the_settings_are_not_written_if_switched_off(sandbox, how):
    assert sandbox.boot("true", **(how | {"env": TRIO | how.get("env", {})})).status == 0
    assert not sandbox.exists(FILE)


def test_settings_that_cannot_be_written_are_skipped_with_a_reason(sandbox):
    sandbox.make_read_only("/etc/claude-code")
    result = sandbox.boot("echo", "booted", env=TRIO)
    assert (result.status, result.stdout) == (0, "booted\n")
    assert "managed settings" in result.stderr and "ead-only" in result.stderr


@pytest.mark.parametrize("env", [{}, {"GRAFANA_API_TOKEN": "alone"}], ids=["off", "incomplete"])
def test_a_boot_without_telemetry_removes_the_settings(sandbox, env):
    sandbox.agent_environment(env=TRIO)
    sandbox.boot("true", env=env)
    assert not sandbox.exists(FILE)


def test_other_files_in_the_directory_are_not_changed(sandbox):
    sandbox.write(f"{DIRECTORY}/10-theirs.json", "{}")
    sandbox.write("/etc/claude-code/managed-settings.json", "{}")
    sandbox.agent_environment(env=TRIO)
    assert sandbox.read(f"{DIRECTORY}/10-theirs.json") == "{}"
    assert sandbox.read("/etc/claude-code/managed-settings.json") == "{}"


def test_the_settings_are_not_written_if_telemetry_is_off(sandbox):
    sandbox.boot("true")
    assert not sandbox.exists(FILE)
