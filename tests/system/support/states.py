"""What a session's rules may have been through before an attack."""

import os

from support.waiting import eventually

STATES = ["as booted", "after a gate was killed", "after a repair"]


def bring_about(state, home, visitor):
    if state == "after a gate was killed":
        os.kill(home.gate(visitor.session), 9)
        eventually(lambda: home.audit("gate_restarted"), "another gate runs")
    if state == "after a repair":
        rules = home.rules()
        home.nft("flush", "chain", "inet", "ostiary", "output")
        eventually(lambda: home.audit("tampering") and home.rules() == rules, "the rules are back")
