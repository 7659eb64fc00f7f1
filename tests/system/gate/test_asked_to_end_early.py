"""A signal before the agent starts ends ostiary at once. The network stays denied, as after every
failed boot."""

import json
import os
import signal
import time

import pytest

from support import processes
from support.behaviours import host, silence_for_ever
from support.internet import ALLOWED
from support.rootfs import AGENT
from support.waiting import eventually

AT_ONCE = 3.0  # seconds; resolving the names would take ten times as long


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("silent.example", silence_for_ever)
    return new_container()


def boot_and_wait_for_the_question(internet, container, *flags, **how):
    session = container.start_boot("sh", "-c", "echo started", flags=[
        "--allow", "silent.example", "--resolve-timeout", "60", *flags], **how)
    eventually(lambda: internet.upstream.asked("silent.example"), "the plan's name is asked for")
    return session


@pytest.mark.parametrize("pid_1", [True, False], ids=["process 1", "subreaper"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_boot_while_names_are_resolved(internet, container, number, pid_1):
    before = container.read("/etc/resolv.conf")
    session = boot_and_wait_for_the_question(internet, container, pid_1=pid_1)
    gate = container.gate(session)
    begun = time.monotonic()
    session.signal(number)
    result = session.wait()
    assert time.monotonic() - begun < AT_ONCE
    assert result.status == 128 + number and "started" not in result.stdout
    assert not os.path.exists(f"/proc/{gate}")
    assert "policy drop" in container.rules()
    assert container.read("/etc/resolv.conf") == before
    assert container.audit("exit")[-1]["status"] == 128 + number
    assert container.audit("exit")[-1]["reason"] == \
        f"{number.name} from outside, before the agent was started"
    assert container.audit("phase") == []


def test_the_next_boot_works(internet, container):
    session = boot_and_wait_for_the_question(internet, container, "--keep-rules", "never")
    session.signal(signal.SIGTERM)
    assert session.wait().status == 128 + signal.SIGTERM
    assert container.rules() != ""
    internet.upstream.name("allowed.example", host(ALLOWED))
    agent = container.start_agent("--allow", "allowed.example")
    assert agent.resolves("allowed.example") == [ALLOWED[4]]


def test_neither_the_auth_hook_nor_the_agent_starts(internet, container):
    container.script("/opt/hook", "echo hook")
    session = boot_and_wait_for_the_question(internet, container, "--auth-hook", "/opt/hook")
    session.signal(signal.SIGTERM)
    result = session.wait()
    assert result.status == 128 + signal.SIGTERM
    assert "hook" not in result.stdout and "started" not in result.stdout


def test_the_rules_stay_if_a_signal_ends_the_auth_hook(container):
    """The hook may have left anything behind, as in every boot that failed."""
    container.script("/opt/hook", "echo hook; sleep 60")
    session = container.start_boot("true", flags=["--user", "agent", "--auth-hook", "/opt/hook"], pid_1=False)
    session.read_until("^hook")
    session.signal(signal.SIGTERM)
    result = session.wait()
    assert result.status == 128 + signal.SIGTERM, result
    assert "policy drop" in container.rules()


def test_a_signal_ends_the_boot_while_the_agents_file_is_prepared(container):
    """Another process of the agent's user stopped the helper that prepares ~/.claude.json."""
    before = container.read("/etc/resolv.conf")
    large = {f"{number:x}": 1 for number in range(1_000_000)}  # so that the helper is still there to stop
    container.write("/home/agent/.claude.json", json.dumps(large), owner=AGENT)
    session = container.start_boot("sh", "-c", "echo started", flags=["--user", "agent", "--prepare-claude"])
    container.eventually_audited("phase", phase=1)
    helper, = eventually(lambda: [pid for pid in processes.children(session.program)
                                  if (uid := processes.field(pid, "Uid")) and int(uid.split()[0]) == AGENT],
                         "the helper runs")
    os.kill(helper, signal.SIGSTOP)
    session.signal(signal.SIGTERM)
    result = session.wait()
    assert result.status == 128 + signal.SIGTERM and "started" not in result.stdout
    assert ".claude.json" not in result.stderr  # the helper's time limit did not end the wait
    assert not os.path.exists(f"/proc/{helper}")
    assert container.read("/etc/resolv.conf") == before
    assert json.loads(container.read("/home/agent/.claude.json")) == large
    assert container.audit("phase", phase=2) == []
    assert container.audit("exit")[-1]["reason"] == "SIGTERM from outside, before the agent was started"
