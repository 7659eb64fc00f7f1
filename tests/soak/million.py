"""A million questions through one gate: afterwards the gate uses the same resources as before."""

import os
import tempfile
import time

from support.agent import GATE
from support.behaviours import host
from support.container import Container
from support.internet import ALLOWED, Internet
from support.processes import proportional_set_size

FIRST = 100_000  # to fill everything that has a bound
SHARES = {"d%d.denied.example": 60, "allowed.example": 36}  # percent, over UDP; a pattern with a number gives different names
CONNECTIONS = 40  # for each remaining percent, over TCP
EXTRA = 256  # KiB
PATIENCE = 600
SETTLING = 15  # seconds


def ask(agent, number):
    """Asks, and returns the number of correct answers."""
    right = 0
    for family in (4, 6):
        for pattern, share in SHARES.items():
            code = "3" if "%d" in pattern else "0"
            name = pattern if "%d" in pattern else pattern + "%.0s"
            right += agent.flood(name, number * share // 200, GATE[family], patience=PATIENCE)["codes"].get(code, 0)
        right += agent.flood_over_tcp("allowed.example", CONNECTIONS, number * (100 - sum(SHARES.values())) // 200,
                                      GATE[family], patience=PATIENCE)
    return right


def resources(gate):
    return len(os.listdir(f"/proc/{gate}/fd")), proportional_set_size(gate)


def resources_when_idle(gate, before):
    """Waits until the gate has noticed that the last client is gone."""
    end = time.monotonic() + SETTLING
    while (now := resources(gate))[0] != before[0] and time.monotonic() < end:
        time.sleep(0.1)
    return now


def run(scratch, binary, number):
    internet = Internet()
    internet.upstream.name("allowed.example", host(ALLOWED, ttl=86400))
    container = Container(tempfile.mkdtemp(dir=scratch), binary, internet)
    try:
        agent = container.start_agent("--allow", "allowed.example")
        gate = container.gate(agent.session)
        ask(agent, FIRST)
        time.sleep(1)
        before, begin = resources(gate), time.monotonic()
        right = ask(agent, number)
        seconds = time.monotonic() - begin
        after = resources_when_idle(gate, before)
        same_gate = container.gate(agent.session) == gate
    finally:
        container.end()
        internet.close()
    print(f"{right} of {number} questions answered correctly in {seconds:.0f} s")
    print(f"descriptors: {before[0]} before, {after[0]} after; PSS: {before[1]} KiB before, {after[1]} KiB after")
    holds = right == number and before[0] == after[0] and after[1] <= before[1] + EXTRA and same_gate
    print("holds" if holds else f"BROKEN: expected one gate for all answers, the same descriptors, {EXTRA} KiB more at most")
    return 0 if holds else 1
