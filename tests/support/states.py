"""States of a session's rules in which a test makes its attack."""

import os

from support.waiting import eventually

STATES = ["as booted", "after a gate was killed", "after a repair"]


def enter_state(state, container, agent):
    if state == "after a gate was killed":
        os.kill(container.gate(agent.session), 9)
        eventually(lambda: container.audit("gate_restarted"), "another gate runs")
    if state == "after a repair":
        rules = container.rules()
        container.nft("flush", "chain", "inet", "ostiary", "output")
        eventually(lambda: container.audit("tampering") and container.rules() == rules, "the rules are back")
