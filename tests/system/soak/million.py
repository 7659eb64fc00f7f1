"""A million questions through one gate: what it holds afterwards is what it held before."""

import os
import tempfile
import time

from support.behaviours import host
from support.container import Container
from support.processes import proportional_set_size
from support.agent import GATE
from support.internet import ALLOWED, Internet

FIRST = 100_000  # fill what is bounded
SHARES = {"d%d.denied.example": 60, "allowed.example": 36}  # in hundredths, of UDP; names by number are all different
CONNECTIONS = 40  # for each hundredth that is left, of TCP
MORE = 256  # KiB
PATIENCE = 600
SETTLING = 15  # seconds


def ask(agent, number):
    """How many got the answer they should."""
    right = 0
    for family in (4, 6):
        for pattern, share in SHARES.items():
            code = "3" if "%d" in pattern else "0"
            name = pattern if "%d" in pattern else pattern + "%.0s"
            right += agent.flood(name, number * share // 200, GATE[family], patience=PATIENCE)["codes"].get(code, 0)
        right += agent.flood_over_tcp("allowed.example", CONNECTIONS, number * (100 - sum(SHARES.values())) // 200,
                                        GATE[family], patience=PATIENCE)
    return right


def holdings(gate):
    return len(os.listdir(f"/proc/{gate}/fd")), proportional_set_size(gate)


def when_settled(gate, before):
    """The gate hears that the last client has gone."""
    end = time.monotonic() + SETTLING
    while (now := holdings(gate))[0] != before[0] and time.monotonic() < end:
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
        before, begin = holdings(gate), time.monotonic()
        right = ask(agent, number)
        seconds = time.monotonic() - begin
        after = when_settled(gate, before)
        same_gate = container.gate(agent.session) == gate
    finally:
        container.end()
        internet.close()
    print(f"{right} of {number} questions answered rightly in {seconds:.0f} s")
    print(f"descriptors: {before[0]} before, {after[0]} after; PSS: {before[1]} KiB before, {after[1]} KiB after")
    holds = right == number and before[0] == after[0] and after[1] <= before[1] + MORE and same_gate
    print("holds" if holds else f"BROKEN: all answered by one gate, as many descriptors, {MORE} KiB more at most")
    return 0 if holds else 1
