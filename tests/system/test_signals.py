"""Signals reach the agent's process group. A request to end has a grace period, then SIGKILL."""

import signal

import pytest

from support import processes
from support.waiting import eventually

EVERYWHERE = pytest.mark.parametrize("pid_1", [True, False], ids=["process 1", "subreaper"])
PASSED_ON = ["HUP", "QUIT", "USR1", "USR2", "WINCH", "CONT", "ALRM"]


@EVERYWHERE
@pytest.mark.parametrize("name", PASSED_ON)
def test_a_signal_is_forwarded_to_the_agents_process_group(sandbox, name, pid_1):
    session = sandbox.start_boot(*sandbox.agent_command("listener"), pid_1=pid_1)
    session.read_all_of("agent ready", "child ready")
    session.signal(getattr(signal, f"SIG{name}"))
    session.read_all_of(f"agent {name}", f"child {name}")


def test_signals_are_forwarded_to_an_agent_of_another_user(sandbox):
    session = sandbox.start_boot(*sandbox.agent_command("listener"), flags=["--user", "agent"])
    session.read_all_of("agent ready", "child ready")
    session.signal(signal.SIGUSR1)
    session.read_all_of("agent USR1", "child USR1")


@EVERYWHERE
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_end_reaches_the_agent_and_gives_the_status(sandbox, number, pid_1):
    session = sandbox.start_boot("sh", "-c", "echo ready; exec sleep 1000", pid_1=pid_1)
    session.read_until("ready")
    session.signal(number)
    assert session.wait().status == 128 + number


def test_an_agent_that_handles_the_signal_chooses_the_status(sandbox):
    session = sandbox.start_boot("sh", "-c", "trap 'echo tidied; exit 5' TERM; echo ready; while :; do read x; done")
    session.read_until("ready")
    session.signal(signal.SIGTERM)
    session.read_until("tidied")
    assert session.wait().status == 5


@EVERYWHERE
@pytest.mark.parametrize("grace", ["0", "1"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_agent_that_ignores_the_request_is_killed_after_the_grace_period(sandbox, number, grace, pid_1):
    session = sandbox.start_boot(*sandbox.agent_command("stubborn"), flags=["--grace", grace], pid_1=pid_1)
    session.read_until("ready")
    session.signal(number)
    assert session.wait().status == 128 + signal.SIGKILL


def test_the_keeper_waits_for_the_agent_during_the_grace_period(sandbox):
    session = sandbox.start_boot("sh", "-c", "trap '' TERM; echo ready; read x; echo flushed; exit 6")
    session.read_until("ready")
    session.signal(signal.SIGTERM)
    session.send("flush\n")
    session.read_until("flushed")
    assert session.wait().status == 6


def test_a_second_request_does_not_lose_the_agents_status(sandbox):
    session = sandbox.start_boot("sh", "-c", "trap '' TERM INT; echo ready; read x; exit 6")
    session.read_until("ready")
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        session.signal(number)
    session.send("go\n")
    assert session.wait().status == 6


def test_a_stopped_agent_can_still_be_ended(sandbox):
    session = sandbox.start_boot("sh", "-c", "echo ready; kill -STOP $$; read x", flags=["--grace", "1"], pid_1=False)
    session.read_until("ready")
    session.signal(signal.SIGTERM)
    assert session.wait().status in (128 + signal.SIGTERM, 128 + signal.SIGKILL)


def test_signals_that_arrive_early_are_not_lost(sandbox):
    session = sandbox.start_boot("sleep", "1000")
    eventually(lambda: processes.field(session.program, "Name") == "ostiary", "the keeper runs")
    eventually(lambda: processes.children(session.program), "the agent has been started")
    session.signal(signal.SIGTERM)
    assert session.wait().status == 128 + signal.SIGTERM


# The agent's descendants


@EVERYWHERE
def test_descendants_get_sigterm_when_the_agent_has_ended(sandbox, pid_1):
    script = "setsid sh -c 'trap \"echo told; exit\" TERM; echo ready; while :; do sleep 0.01; done' & read x; exit 3"
    session = sandbox.start_boot("sh", "-c", script, pid_1=pid_1)
    session.read_until("ready")
    session.send("end\n")
    session.read_until("told")
    assert session.wait().status == 3


@pytest.mark.parametrize("script", [
    "trap '' TERM; (setsid sleep 1001 &); sleep 1002 & exit 3",
    "sh -c 'kill -STOP $$' & (setsid sh -c 'kill -STOP $$' &) ; exit 3",
])
def test_descendants_that_ignore_sigterm_are_killed(sandbox, script):
    """Started by a shell, which checks for processes after the keeper's end."""
    sandbox.script("/opt/bin/agent", script)
    result = sandbox.launch("sh", "-c", "ostiary run --gate off -- agent; echo status $?; ps -e -o args=").wait()
    assert "status 3" in result.stdout
    assert "sleep" not in result.stdout and "STOP" not in result.stdout, result


def test_descendants_of_an_agent_that_was_killed_are_killed_too(sandbox):
    agent = " ".join(sandbox.agent_command("stubborn"))
    script = (f"ostiary run --gate off --grace 1 -- {agent} > /work/said & "
              "while ! grep -q ready /work/said; do sleep 0.01; done; kill $!; wait $!; echo status $?; ps -e -o args=")
    sandbox.script("/opt/bin/session", script)
    result = sandbox.launch("session").wait()
    assert "status 137" in result.stdout and "python3" not in result.stdout, result


def test_the_agent_cannot_signal_the_keeper(sandbox):
    result = sandbox.boot("sh", "-c", "kill -TERM 1; kill -KILL 1; kill -STOP 1; echo still here",
                          flags=["--user", "agent"])
    assert (result.status, result.stdout) == (0, "still here\n")
