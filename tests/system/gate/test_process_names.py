"""What `ps` shows: which process is the keeper, and which the gate."""

import os
import signal

from support.waiting import eventually


def comm(pid):
    return open(f"/proc/{pid}/comm").read().strip()


def arguments(pid):
    return open(f"/proc/{pid}/cmdline", "rb").read().rstrip(b"\0").split(b"\0")


def test_keeper_and_gate_have_their_names(home, visitor):
    assert comm(visitor.session.program) == "ostiary"
    gate = home.gate(visitor.session)
    assert comm(gate) == "ostiary-gate" and arguments(gate) == [b"ostiary-gate"]


def test_a_gate_that_was_started_again_has_its_name(fresh_gatehouse, who):
    """Beside a root agent it is a copy of the keeper's process."""
    home = fresh_gatehouse()
    visitor = home.visit(who=who)
    before = home.gate(visitor.session)
    os.kill(before, signal.SIGKILL)
    eventually(lambda: home._gates(visitor.session) not in ([], [before]), "another gate runs")
    gate = home.gate(visitor.session)
    assert comm(gate) == "ostiary-gate" and arguments(gate) == [b"ostiary-gate"]
    assert arguments(visitor.session.program)[1] == b"run"
