"""Denials that the kernel could not report to the gate are counted all the same."""

import os
import signal

from support.visitor import GATE
from support.waiting import eventually
from support.world import UNLISTED

PACKETS = 30_000


def send(visitor, address, family, count):
    visitor.python(f"""
s = socket.socket(socket.AF_INET{'6' if family == 6 else ''}, socket.SOCK_DGRAM)
for _ in range({count}):
    try: s.sendto(b"x", ({address!r}, 9999))
    except OSError: pass""", patience=60)


def test_the_audits_counts_add_up_to_what_was_denied(fresh_gatehouse, who, family):
    home = fresh_gatehouse()
    visitor = home.visit(who=who)
    gate = home.gate(visitor.session)
    before = sum(event["count"] for event in home.audit("deny"))
    os.kill(gate, signal.SIGSTOP)
    send(visitor, UNLISTED[family], family, PACKETS)
    os.kill(gate, signal.SIGCONT)
    # What was lost is known by the number of the next one that is reported.
    visitor.asks("unlisted.example", server=GATE[4])
    send(visitor, UNLISTED[family], family, 1)
    told = lambda: sum(event["count"] for event in home.audit("deny")) - before
    eventually(lambda: told() >= PACKETS + 1, f"all are told, not {told()}")
    assert home.audit("deny", kind="other")
