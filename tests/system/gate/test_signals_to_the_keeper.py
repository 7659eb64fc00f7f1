"""A root agent may send the keeper any number of signals. The keeper still restores the rules and
restarts the gate."""

import os
import signal

from support.waiting import eventually

FLOOD = """
for number in range(34, 65): signal.signal(number, signal.SIG_IGN)  # the keeper passes them on
keeper = os.getppid()
for n in range(4):
    if os.fork() == 0:
        end = time.monotonic() + 12
        while time.monotonic() < end:
            try: os.kill(keeper, 36 + n)  # queued, each of them
            except OSError: pass
        os._exit(0)
"""


def test_a_flood_of_signals_delays_no_repair(new_container):
    container = new_container()
    agent = container.start_agent(who="root")
    agent.python("import os, signal, time" + FLOOD)
    container.nft("flush", "chain", "inet", "ostiary", "output")
    container.eventually_audited("tampering", response="repaired")
    os.kill(container.gate(agent.session), signal.SIGKILL)
    eventually(lambda: container.audit("gate_restarted"), "the gate is back")
