"""Denials that the kernel could not report to the gate are counted too."""

import os
import signal

from support.internet import UNLISTED
from support.waiting import eventually

PACKETS = 30_000


def send(agent, address, family, count):
    agent.python(f"""
s = socket.socket(socket.AF_INET{'6' if family == 6 else ''}, socket.SOCK_DGRAM)
for _ in range({count}):
    try: s.sendto(b"x", ({address!r}, 9999))
    except OSError: pass""", patience=60)


def test_the_audits_counts_add_up_to_all_denied_packets(new_container, who, family):
    container = new_container()
    agent = container.start_agent(who=who)
    gate = container.gate(agent.session)
    before = sum(event["count"] for event in container.audit("deny"))
    os.kill(gate, signal.SIGSTOP)
    send(agent, UNLISTED[family], family, PACKETS)
    os.kill(gate, signal.SIGCONT)
    sent = PACKETS
    reported = lambda: sum(event["count"] for event in container.audit("deny")) - before

    # The gate learns of lost reports from the sequence number of the next one.
    def lost_ones_are_counted_after_one_more():
        nonlocal sent
        send(agent, UNLISTED[family], family, 1)
        sent += 1
        return reported() > PACKETS

    eventually(lost_ones_are_counted_after_one_more, "the lost ones are counted")
    eventually(lambda: reported() >= sent, f"all {sent} are counted, not {reported()}")
    assert container.audit("deny", kind="other")
