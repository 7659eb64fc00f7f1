"""The auth hook runs between the phases, as the agent's user, confined, and with a time limit.
Its failure ends the boot."""

import signal

import pytest

from support.capabilities import names_of
from support.processes import parse_status
from support.rootfs import AGENT, TOOLS
from support.telemetry import TRIO, shows_a_secret

HOOK = "/opt/bin/hook"
USING_IT = ["--user", "agent", "--auth-hook", HOOK]


def agent_started(sandbox):
    return sandbox.exists("/home/agent/started")


def boot(sandbox, script, *flags, env=TRIO, **how):
    sandbox.script(HOOK, script)
    return sandbox.boot("touch", "/home/agent/started", flags=[*USING_IT, *flags], env=env, **how)


def test_the_hook_runs_before_the_agent(sandbox):
    result = boot(sandbox, "test -e ~/started && exit 5; touch ~/hooked")
    assert result.status == 0, result
    assert agent_started(sandbox) and sandbox.at("/home/agent/hooked").stat().st_uid == AGENT


def test_the_hook_runs_as_the_agents_user_and_is_confined(sandbox):
    boot(sandbox, "cat /proc/self/status > ~/status; env -0 > ~/env; id -G > ~/groups")
    status = parse_status(sandbox.read("/home/agent/status"))
    assert status["Uid"].split() == status["Gid"].split() == [str(AGENT)] * 4
    assert sandbox.read("/home/agent/groups").split() == [str(AGENT), str(TOOLS)]
    assert status["NoNewPrivs"] == "1"
    assert names_of(status["CapEff"]) == names_of(status["CapPrm"]) == names_of(status["CapAmb"]) == set()
    assert not names_of(status["CapBnd"]) & {"NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_PTRACE"}
    assert "HOME=/home/agent" in sandbox.read("/home/agent/env").split("\0")


def test_the_hook_does_not_get_telemetry_secrets(sandbox):
    boot(sandbox, "env -0 > ~/env")
    assert not shows_a_secret(sandbox.read("/home/agent/env"))


def test_the_hook_runs_before_the_env_file_is_written(sandbox):
    boot(sandbox, "test -e /run/ostiary/otel.env && touch ~/early; true")
    assert agent_started(sandbox) and sandbox.exists("/run/ostiary/otel.env")
    assert not sandbox.exists("/home/agent/early")


def test_the_agent_can_read_files_that_the_hook_wrote(sandbox):
    sandbox.script(HOOK, "echo token > ~/credential")
    assert sandbox.boot("cat", "/home/agent/credential", flags=USING_IT).stdout == "token\n"


@pytest.mark.parametrize("status", [1, 3, 77, 255])
def test_a_hook_that_fails_ends_the_boot_with_its_status(sandbox, status):
    result = boot(sandbox, f"exit {status}")
    assert result.status == 77 and not agent_started(sandbox)
    assert HOOK in result.stderr and f" {status}" in result.stderr, result


def test_a_hook_that_a_signal_ends_ends_the_boot(sandbox):
    result = boot(sandbox, "kill -KILL $$")
    assert result.status == 77 and not agent_started(sandbox)
    assert "signal 9" in result.stderr or "SIGKILL" in result.stderr, result


def test_the_time_limit_ends_the_hook(sandbox):
    result = boot(sandbox, "exec sleep 1000", "--auth-hook-timeout", "1")
    assert result.status == 77 and not agent_started(sandbox)
    assert HOOK in result.stderr and "1 s" in result.stderr, result


def test_the_time_limit_ends_the_hooks_children(sandbox):
    sandbox.script(HOOK, "trap '' TERM; setsid sleep 1001 & sleep 1002 & exec sleep 1003")
    command = "/opt/bin/ostiary run --gate off --user agent --auth-hook /opt/bin/hook --auth-hook-timeout 1 -- true"
    result = sandbox.launch("sh", "-c", f"{command}; echo status $?; ps -e -o args=").wait()
    assert "status 77" in result.stdout and "sleep" not in result.stdout, result


def test_a_process_that_the_hook_leaves_behind_does_not_delay_the_boot(sandbox):
    assert boot(sandbox, "sleep 1000 &").status == 0
    assert agent_started(sandbox)


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_boot_while_the_hook_runs(sandbox, number, status):
    sandbox.script(HOOK, "echo hooked >&2; exec sleep 1000")
    session = sandbox.start_boot("touch", "/home/agent/started", flags=USING_IT)
    session.read_error_until("hooked")
    session.signal(number)
    assert session.wait().status in (77, status)
    assert not agent_started(sandbox)


def test_the_hook_starts_in_the_work_directory(sandbox):
    sandbox.script(HOOK, "pwd >&2")
    result = sandbox.boot("true", flags=[*USING_IT, "--prepare-claude", "--workdir", "/home/agent/new"])
    assert result.status == 0 and "\n/home/agent/new\n" in result.stderr, result


def test_the_hook_may_install_the_agents_program(sandbox):
    sandbox.script(HOOK, "printf '#!/bin/sh\\necho brought\\n' >/home/agent/brought; chmod +x /home/agent/brought")
    assert sandbox.boot("/home/agent/brought", flags=USING_IT).stdout == "brought\n"


@pytest.mark.parametrize("path, statuses", [("/no/such/hook", [66, 77]), ("/etc/passwd", [77]), ("hook", [78])])
def test_a_hook_that_cannot_run_ends_the_boot(sandbox, path, statuses):
    result = sandbox.boot("touch", "/work/started", flags=["--auth-hook", path])
    assert result.status in statuses and path in result.stderr, result
    assert not sandbox.exists("/work/started")

