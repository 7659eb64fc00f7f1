"""/run/ostiary/otel.env: readable by root only, replaced atomically, safe to source. `ostiary
env` shows it."""

import os
import stat

import pytest

from support.execution import parse_environment
from support.refusal import refusal
from support.rootfs import AGENT
from support.telemetry import BASIC, COLLECTOR, MARKER, MODULE, TRIO, telemetry_variables, shows_a_secret

FILE = "/run/ostiary/otel.env"
HOSTILE = "it's \"quoted\" $HOME `id` $(id) \\ \\n ; & | * ~ ! # '' 'end"


def sourced(sandbox):
    script = f"set -eu; set -a; . {FILE}; exec /usr/bin/env -0"
    result = sandbox.launch("sh", "-c", script, env=[b"PATH=/usr/bin"]).wait()
    assert result.status == 0, result
    return telemetry_variables(parse_environment(result.out))


def is_safe(sandbox):
    directory, file = sandbox.at("/run/ostiary").lstat(), sandbox.at(FILE).lstat()
    return (stat.S_ISDIR(directory.st_mode) and directory.st_uid == 0 and not directory.st_mode & 0o022 and
            stat.S_ISREG(file.st_mode) and file.st_uid == 0 and file.st_gid == 0 and
            stat.S_IMODE(file.st_mode) == 0o600 and file.st_nlink == 1)


def test_only_root_can_read_the_file(sandbox):
    sandbox.agent_environment("--user", "agent", env=TRIO)
    assert is_safe(sandbox)
    assert stat.S_IMODE(sandbox.at("/run/ostiary").stat().st_mode) == 0o755


def test_only_root_can_read_the_file_with_any_umask(sandbox):
    for umask in (0o000, 0o777):
        assert sandbox.boot("true", env=TRIO, prepare=lambda umask=umask: os.umask(umask)).status == 0
        assert is_safe(sandbox)


@pytest.mark.parametrize("env", [TRIO, COLLECTOR], ids=["trio", "collector"])
def test_the_file_has_the_variables_that_the_agent_gets(sandbox, env):
    agent = sandbox.agent_environment(env=env)
    assert sourced(sandbox) == telemetry_variables(agent)


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_SERVICE_NAME"])
def test_a_shell_can_source_any_value(sandbox, name):
    agent = sandbox.agent_environment(env=COLLECTOR | {name: f"x={HOSTILE}"})
    assert agent[name] == f"x={HOSTILE}"
    assert sourced(sandbox) == telemetry_variables(agent)


def test_a_shell_can_source_a_value_with_a_newline(sandbox):
    agent = sandbox.agent_environment(env=COLLECTOR | {"OTEL_SERVICE_NAME": "one\ntwo='3'\n"})
    assert agent["OTEL_SERVICE_NAME"] == "one\ntwo='3'\n"
    assert sourced(sandbox) == telemetry_variables(agent)


def test_every_line_is_a_quoted_assignment(sandbox):
    sandbox.agent_environment(env=TRIO)
    for line in sandbox.read(FILE).splitlines():
        name, _, value = line.partition("=")
        assert line.startswith("#") or (name.isidentifier() and value[0] == value[-1] == "'")


def test_the_file_is_replaced_atomically(sandbox):
    sandbox.agent_environment(env=TRIO)
    before = sandbox.read(FILE)
    os.link(sandbox.at(FILE), sandbox.at("/work/before"))
    sandbox.agent_environment(env=COLLECTOR)
    assert sandbox.read("/work/before") == before
    assert is_safe(sandbox) and "collector.example" in sandbox.read(FILE)


def test_no_temporary_file_is_left(sandbox):
    sandbox.agent_environment(env=TRIO)
    before = sorted(os.listdir(sandbox.at("/run/ostiary")))
    sandbox.agent_environment(env=TRIO)
    assert sorted(os.listdir(sandbox.at("/run/ostiary"))) == before


@pytest.mark.parametrize("env", [{}, {"GRAFANA_API_TOKEN": "only-one-of-three"}], ids=["off", "incomplete"])
def test_a_boot_without_telemetry_removes_the_file(sandbox, env):
    sandbox.agent_environment(env=TRIO)
    sandbox.boot("true", env=env)
    assert not sandbox.exists(FILE) or not shows_a_secret(sandbox.read(FILE))


def test_the_file_exists_before_the_agent_starts(sandbox):
    assert sandbox.boot("cat", FILE, env=TRIO).status == 0


def test_the_agent_cannot_read_the_file(sandbox):
    result = sandbox.boot("cat", FILE, env=TRIO, flags=["--user", "agent"])
    assert result.status == 1 and not shows_a_secret(result.stdout)


# Files that the agent may have left there before


@pytest.mark.parametrize("planted", ["/etc/victim", "/home/agent/mine"])
def test_a_symlink_instead_of_the_file_is_not_followed(sandbox, planted):
    sandbox.write(planted, "as it was", owner=AGENT if planted.startswith("/home") else 0)
    sandbox.mkdir("/run/ostiary", mode=0o777, owner=AGENT)
    sandbox.symlink(FILE, planted, owner=AGENT)
    assert sandbox.boot("true", env=TRIO, flags=["--user", "agent"]).status == 0
    assert sandbox.read(planted) == "as it was"
    assert is_safe(sandbox)


def test_a_file_that_the_agent_holds_open_is_not_written_to(sandbox):
    sandbox.mkdir("/run/ostiary", mode=0o777, owner=AGENT)
    sandbox.write(FILE, "", owner=AGENT)
    with open(sandbox.at(FILE)) as held:
        assert sandbox.boot("true", env=TRIO, flags=["--user", "agent"]).status == 0
        assert held.read() == ""
    assert is_safe(sandbox)


def test_a_directory_that_the_agent_owns_is_taken_over(sandbox):
    sandbox.mkdir("/run/ostiary", mode=0o777, owner=AGENT)
    result = sandbox.boot("sh", "-c", "cd /run/ostiary && mv otel.env mine && ln -s /work otel.env", env=TRIO,
                          flags=["--user", "agent"])
    assert result.status != 0 and is_safe(sandbox)


@pytest.mark.parametrize("what", ["link", "file"])
def test_nothing_is_written_elsewhere_if_the_directory_is_not_a_directory(sandbox, what):
    sandbox.mkdir("/home/agent/mine", mode=0o777, owner=AGENT)
    if what == "link":
        sandbox.symlink("/run/ostiary", "/home/agent/mine", owner=AGENT)
    else:
        sandbox.write("/run/ostiary", "", owner=AGENT)
    result = sandbox.boot("true", env=TRIO, flags=["--user", "agent"])
    assert os.listdir(sandbox.at("/home/agent/mine")) == []
    assert result.status in (77, 78) or is_safe(sandbox), result


def test_a_directory_instead_of_the_file_does_no_harm(sandbox):
    sandbox.mkdir(FILE, owner=AGENT)
    result = sandbox.boot("true", env=TRIO, flags=["--user", "agent"])
    assert result.status in (77, 78) or is_safe(sandbox), result


# ostiary env


def test_env_shows_names_and_masks_secrets(sandbox):
    sandbox.agent_environment(env=TRIO)
    result = sandbox.run("env")
    assert result.status == 0 and not shows_a_secret(result.stdout + result.stderr)
    assert "OTEL_EXPORTER_OTLP_HEADERS" in result.stdout
    assert "OTEL_METRICS_EXPORTER=otlp" in result.stdout.replace("'", "")


def test_env_masks_the_headers_of_every_source_and_signal(sandbox):
    sandbox.policy({"telemetry": MODULE})
    sandbox.agent_environment()
    assert not shows_a_secret(sandbox.run("env").stdout)
    sandbox.policy({})
    sandbox.agent_environment(env=COLLECTOR | {"OTEL_EXPORTER_OTLP_LOGS_HEADERS": f"x-other={MARKER}"})
    result = sandbox.run("env")
    assert "OTEL_EXPORTER_OTLP_LOGS_HEADERS" in result.stdout and not shows_a_secret(result.stdout)


def test_env_reveals_secrets_to_root(sandbox):
    sandbox.agent_environment(env=TRIO)
    assert f"Authorization=Basic {BASIC}" in sandbox.run("env", "--reveal").stdout


@pytest.mark.parametrize("flags", [[], ["--reveal"]], ids=["masked", "revealed"])
def test_only_root_can_use_env(sandbox, flags):
    sandbox.agent_environment(env=TRIO)
    refusal(sandbox.run("env", *flags, uid=AGENT), 77)


def test_env_before_any_boot_ends_with_status_66(sandbox):
    assert "/run/ostiary/" in refusal(sandbox.run("env"), 66)
