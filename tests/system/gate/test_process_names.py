"""The names in `ps` show which process is the keeper, and which is the gate."""

import os
import signal


def comm(pid):
    return open(f"/proc/{pid}/comm").read().strip()


def arguments(pid):
    return open(f"/proc/{pid}/cmdline", "rb").read().rstrip(b"\0").split(b"\0")


def test_keeper_and_gate_have_their_names(container, agent):
    assert comm(agent.session.program) == "ostiary"
    gate = container.gate(agent.session)
    assert comm(gate) == "ostiary-gate" and arguments(gate) == [b"ostiary-gate"]


def test_a_restarted_gate_has_its_name(new_container, who):
    """Beside a root agent, that gate is a copy of the keeper's process."""
    container = new_container()
    agent = container.start_agent(who=who)
    before = container.gate(agent.session)
    os.kill(before, signal.SIGKILL)
    container.await_another_gate(agent.session, before)
    gate = container.gate(agent.session)
    assert comm(gate) == "ostiary-gate" and arguments(gate) == [b"ostiary-gate"]
    assert arguments(agent.session.program)[1] == b"run"
