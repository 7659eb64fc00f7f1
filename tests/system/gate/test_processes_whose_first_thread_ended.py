"""A process whose first thread has ended while others run is alive, although /proc shows a zombie."""

import signal

import pytest

from support import processes
from support.rootfs import AGENT
from support.sandbox import OSTIARY
from support.waiting import eventually


def first_thread_has_ended(pid):
    return processes.field(pid, "State").startswith("Z")


@pytest.mark.parametrize("pid_1", [True, False], ids=["process 1", "not process 1"])
def test_such_an_agent_is_ended_after_the_grace_period(new_container, pid_1):
    container = new_container()
    session = container.start_boot(*container.agent_command("zombie_leader"), flags=["--grace", "1", "--user", "agent"], pid_1=pid_1)
    session.read_until("^ready")
    session.signal(signal.SIGTERM)
    assert session.wait().status == 137


def test_such_an_auth_hook_is_ended_after_its_time_limit(new_container):
    container = new_container()
    container.script("/opt/hook", "exec " + " ".join(container.agent_command("zombie_leader")))
    result = container.boot("true", flags=["--auth-hook", "/opt/hook", "--auth-hook-timeout", "1", "--user", "agent"])
    assert result.status == 77 and "did not end within" in result.stderr, result


def test_user_scope_refuses_to_start_beside_such_a_process_of_the_agents_user(new_container):
    container = new_container()
    init = container.launch("/bin/sleep", "1000")
    eventually(lambda: open(f"/proc/{init.pid}/comm").read() == "sleep\n", "it runs")
    earlier = container.start_beside(init, *container.agent_command("zombie_leader"), uid=AGENT)
    earlier.read_until("^ready")
    eventually(lambda: any(first_thread_has_ended(pid) for pid in processes.children(init.pid) + [earlier.pid]), "its first thread has ended")
    result = container.beside(init, OSTIARY, "run", "--no-derive", "--scope", "user", "--user", "agent", "--", "true")
    assert result.status == 69 and "user of its own" in result.stderr, result
