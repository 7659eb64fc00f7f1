"""Slow TCP clients use up the gate's descriptors, and all its places for TCP clients."""

import itertools
import os
import socket
import time
from pathlib import Path

from soak.fault import Fault, prove
from support.limits import limit

CLIENTS = 200
TCP_CLIENTS = 64  # the gate's limit
TOLERANCE = 6  # descriptors that were open only briefly when they were counted
FREE_DESCRIPTORS = 12
USUAL_LIMIT = 1024
BUSY = 0.6  # share of processor time; a gate that spins uses all of it


class SlowClients(Fault):
    def __init__(self, name, left):
        self.name, self._left = name, left

    def inject(self, soak, rng, seconds):
        container = soak.any_container(rng)
        with container.gate_lock:
            gate = container.current_gate()
            prove(gate, "there was no gate at that moment")
            own = descriptors(gate)
            if self._left:
                limit(gate, "nofile", limit_that_leaves(own, self._left))
            held, begin, spent = [], time.monotonic(), processor_time(gate)
            try:
                most = self._hold(container, gate, held, seconds, rng)
                answer = container.answers()
                busy = (processor_time(gate) - spent) / (time.monotonic() - begin)
            finally:
                if self._left:
                    limit(gate, "nofile", USUAL_LIMIT)
                for each in held:
                    each.close()
                container.saturated.append((begin, time.monotonic()))
        assert answer is not None, f"{container.name}: the gate does not answer over UDP"
        assert busy < BUSY, f"{container.name}: the gate is busy for {busy:.0%} of the time"
        wanted = len(own) + (self._left or TCP_CLIENTS) - TOLERANCE
        prove(most >= wanted, f"the gate never had all {wanted} descriptors")
        return {"clients": len(held), "descriptors of the gate, at most": most, "of the processor's time, %": round(busy * 100)}

    def _hold(self, container, gate, held, seconds, rng):
        end, most = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            if len(held) < CLIENTS:
                one = container.socket(socket.AF_INET if rng.random() < 0.5 else socket.AF_INET6, socket.SOCK_STREAM)
                one.setblocking(False)
                one.connect_ex(("127.0.0.1" if one.family == socket.AF_INET else "::1", 53))
                held.append(one)
            else:
                time.sleep(0.05)
            most = max(most, len(descriptors(gate)))
        return most


def descriptors(pid):
    return set(map(int, os.listdir(f"/proc/{pid}/fd")))


def limit_that_leaves(used, left):
    """The limit that leaves this many descriptors free."""
    free = (number for number in itertools.count() if number not in used)
    return next(itertools.islice(free, left, None))


def processor_time(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


FAULTS = [SlowClients("slow TCP clients", 0), SlowClients("slow TCP clients, descriptors exhausted", FREE_DESCRIPTORS)]
