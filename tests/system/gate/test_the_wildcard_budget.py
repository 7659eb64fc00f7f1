"""At most 600 new questions a minute for names under wildcards, across all restarts of the gate."""

import os
import signal

from support.agent import GATE
from support.behaviours import host
from support.internet import ALLOWED

A_MINUTE = 600
DEATHS = 8  # the ninth within a minute ends the agent


def names_sent(internet):
    return {name for name in internet.upstream.names() if name.endswith(".tunnel.example")}


def test_killing_the_gate_does_not_renew_the_budget(internet, new_container, who):
    internet.upstream.name("*.tunnel.example", host(ALLOWED))
    container = new_container()
    agent = container.start_agent("--allow", "*.tunnel.example", who=who)
    for death in range(DEATHS):
        agent.flood(f"d{death}n%d.tunnel.example", 700, GATE[4], patience=30)
        gate = container.gate(agent.session)
        os.kill(gate, signal.SIGKILL)
        container.await_another_gate(agent.session, gate)
    agent.flood("last%d.tunnel.example", 700, GATE[4], patience=30)
    assert len(names_sent(internet)) == A_MINUTE
    assert agent.session.running()


def test_the_next_gate_has_the_rest_of_the_budget(internet, new_container, who):
    internet.upstream.name("*.tunnel.example", host(ALLOWED))
    container = new_container()
    agent = container.start_agent("--allow", "*.tunnel.example", who=who)
    agent.flood("a%d.tunnel.example", 250, GATE[4], patience=30)
    os.kill(container.gate(agent.session), signal.SIGKILL)
    flood = agent.flood("b%d.tunnel.example", 700, GATE[4], patience=30)
    assert flood["codes"]["0"] == A_MINUTE - 250
    container.eventually_audited("deny", kind="name", why="bound")
