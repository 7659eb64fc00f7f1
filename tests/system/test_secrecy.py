"""Secrets do not appear in arguments, environments, plans, logs, errors or core dumps. Only their
recipients see them."""

import resource
import signal
from pathlib import Path

import pytest

from support import processes
from support.rootfs import AGENT
from support.telemetry import BASIC, COLLECTOR, MARKER, TRIO, shows_a_secret

IN_THE_OBJECT = {"OSTIARY_TELEMETRY": '{"enabled": true, "otlp_endpoint": "https://module.example", '
                                      f'"otlp_protocol": "http/json", "otlp_headers": {{"x-key": "{MARKER}"}}}}'}
SOURCES = {"trio": TRIO, "collector": COLLECTOR, "module": IN_THE_OBJECT,
           "claude's own": {name: MARKER for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN",
                                                      "CLAUDE_CODE_OAUTH_TOKEN")}}
EVERY = pytest.mark.parametrize("env", SOURCES.values(), ids=SOURCES)


def waiting(sandbox, env, *flags, **how):
    session = sandbox.start_boot("sh", "-c", "echo ready; read x", env=env, flags=flags, **how)
    session.read_until("ready")
    return session


@EVERY
def test_no_process_has_a_secret_in_its_arguments(sandbox, env):
    session = waiting(sandbox, env, "--user", "agent")
    for pid in processes.within(session):
        assert not shows_a_secret(Path(f"/proc/{pid}/cmdline").read_bytes().decode())


@EVERY
def test_the_keepers_environment_has_no_secret(sandbox, env):
    """Not even for root outside."""
    session = waiting(sandbox, env, "--user", "agent")
    assert not shows_a_secret(Path(f"/proc/{session.program}/environ").read_bytes().decode())


@EVERY
@pytest.mark.parametrize("flags", [["--user", "agent"], []], ids=["agent", "root agent"])
def test_the_agent_cannot_read_the_keepers_environment_or_memory(sandbox, env, flags):
    script = "cat /proc/1/environ /proc/1/mem /proc/1/maps /proc/1/auxv; readlink /proc/1/fd/0 /proc/1/exe; :"
    result = sandbox.boot("sh", "-c", script, env=env, flags=flags)
    assert result.status == 0 and result.stdout == "", result


def test_the_agents_environment_has_only_the_header(sandbox):
    agent = sandbox.agent_environment("--user", "agent", env=TRIO)
    assert [name for name, value in agent.items() if MARKER in value] == []
    assert [name for name, value in agent.items() if BASIC in value] == ["OTEL_EXPORTER_OTLP_HEADERS"]


@EVERY
@pytest.mark.parametrize("arguments", [["plan"], ["plan", "--json"], ["plan", "--log-level", "debug"]], ids=" ".join)
def test_the_plan_shows_no_secret(sandbox, env, arguments):
    result = sandbox.run(*arguments, "--gate", "off", "--", "claude", env=env)
    assert result.status == 0 and result.stdout, result
    assert not shows_a_secret(result.stdout + result.stderr)


@EVERY
@pytest.mark.parametrize("level", ["info", "debug"])
def test_a_boot_logs_no_secret(sandbox, env, level):
    sandbox.script("/opt/bin/claude", "exit 0")
    result = sandbox.boot("claude", env=env, flags=["--log-level", level, "--user", "agent"])
    assert result.status == 0 and result.stdout == "", result
    assert not shows_a_secret(result.stderr)


FAILURES = {
    "no such command": (["run", "--gate", "off", "--", "no-such-command"], {}),
    "no such user": (["run", "--gate", "off", "--user", "nobody-of-that-name", "--", "true"], {}),
    "failing hook": (["run", "--gate", "off", "--auth-hook", "/usr/bin/false", "--", "true"], {}),
    "unknown flag": (["run", "--no-such-flag"], {}),
    "unknown variable": (["run", "--gate", "off", "--", "true"], {"OSTIARY_TOKEN": MARKER}),
    "bad attribute": (["run", "--gate", "off", "--", "true"], {"OTEL_RESOURCE_ATTRIBUTES": "=b"}),
    "bad header": (["run", "--gate", "off", "--", "true"], {"OTEL_EXPORTER_OTLP_HEADERS": f"{MARKER}\n{MARKER}"}),
    "header without a name": (["run", "--gate", "off", "--", "true"], {"OTEL_EXPORTER_OTLP_HEADERS": f"={MARKER}"}),
    "header without a value": (["run", "--gate", "off", "--", "true"], {"OTEL_EXPORTER_OTLP_HEADERS": MARKER}),
    "two sources": (["run", "--gate", "off", "--", "true"], COLLECTOR | TRIO),
    "exec before boot": (["exec", "--", "true"], {}),
}


@EVERY
@pytest.mark.parametrize("arguments, more", [FAILURES[name] for name in FAILURES], ids=FAILURES)
def test_a_failing_boot_shows_no_secret(sandbox, env, arguments, more):
    result = sandbox.run(*arguments, env=env | more)
    assert not shows_a_secret(result.stdout + result.stderr), result


def test_a_secret_in_the_policy_file_is_not_quoted_in_its_errors(sandbox):
    for text in ('{"telemetry": {"otlp_headers": {"a": "%s", "a": 1}}}', '{"telemetry": {"otlp_headers": "%s"}}',
                 '{"user": "agent", "telemetry": {"otlp_headers": {"a": "%s"', '{"grace": "%s"}'):
        sandbox.policy(text % MARKER)
        result = sandbox.boot("true")
        assert result.status == 78 and not shows_a_secret(result.stderr), result


@EVERY
def test_only_root_can_read_files_with_secrets_in_the_run_directory(sandbox, env):
    session = waiting(sandbox, env, "--user", "agent")
    for path in sandbox.at("/run/ostiary").rglob("*"):
        if path.is_file() and shows_a_secret(path.read_text(errors="replace")):
            assert path.stat().st_mode & 0o777 == 0o600 and path.stat().st_uid == 0
    assert session.running()


def test_the_agent_finds_no_secret_in_files(sandbox):
    session = waiting(sandbox, TRIO, "--user", "agent")
    result = sandbox.beside(session, "grep", "-rF", MARKER, "/run", "/etc/claude-code", "/tmp", "/home", uid=AGENT)
    assert result.stdout == ""
    result = sandbox.beside(session, "grep", "-rlF", BASIC, "/run", "/etc/claude-code", "/tmp", "/home", uid=AGENT)
    assert result.stdout == ""


def test_a_crash_of_the_keeper_leaves_no_core_dump_and_shows_no_secret(sandbox):
    def allow_cores():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    session = waiting(sandbox, TRIO, "--user", "agent", cwd="/work", pid_1=False, prepare=allow_cores)
    session.signal(signal.SIGSEGV)
    result = session.wait()
    assert result.status == 128 + signal.SIGSEGV
    assert not shows_a_secret(result.stdout + result.stderr)
    assert not [path for path in sandbox.path.rglob("*core*") if path.is_file()]
