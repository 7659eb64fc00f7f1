"""New names under wildcards: 600 a minute, however many gates there were meanwhile."""

import os
import signal

from support.behaviours import host
from support.visitor import GATE
from support.waiting import eventually
from support.world import ALLOWED

A_MINUTE = 600
DEATHS = 8  # the ninth within a minute ends the agent


def tunnelled(world):
    return {name for name in world.upstream.names() if name.endswith(".tunnel.example")}


def test_a_gate_that_is_killed_does_not_renew_it(world, fresh_gatehouse, who):
    world.upstream.name("*.tunnel.example", host(ALLOWED))
    home = fresh_gatehouse()
    visitor = home.visit("--allow", "*.tunnel.example", who=who)
    for death in range(DEATHS):
        visitor.flood(f"d{death}n%d.tunnel.example", 700, GATE[4], patience=30)
        gate = home.gate(visitor.session)
        os.kill(gate, signal.SIGKILL)
        eventually(lambda: home._gates(visitor.session) not in ([], [gate]), "another gate runs")
    visitor.flood("last%d.tunnel.example", 700, GATE[4], patience=30)
    assert len(tunnelled(world)) == A_MINUTE
    assert visitor.session.running()


def test_what_was_not_spent_is_there_for_the_next_gate(world, fresh_gatehouse, who):
    world.upstream.name("*.tunnel.example", host(ALLOWED))
    home = fresh_gatehouse()
    visitor = home.visit("--allow", "*.tunnel.example", who=who)
    visitor.flood("a%d.tunnel.example", 250, GATE[4], patience=30)
    os.kill(home.gate(visitor.session), signal.SIGKILL)
    flood = visitor.flood("b%d.tunnel.example", 700, GATE[4], patience=30)
    assert flood["codes"]["0"] == A_MINUTE - 250
    home.eventually_audited("deny", kind="name", why="bound")
