"""The kernel has more messages than fit into a socket: denied packets for the gate, transactions
for the keeper."""

import contextlib
import os
import signal
import time
from pathlib import Path

from soak.fault import Fault, prove
from soak.faults.tampering import wait_for_restored

NETFILTER = "12"  # the protocol number
AT_ONCE = 2000
MOST = 400_000
ELEMENTS = 3000
PATIENCE = 5


class Overrun(Fault):
    """The receiving process is stopped until the kernel has dropped a message for lack of space."""
    like = {}  # what the container must be

    def inject(self, soak, rng, seconds):
        container = soak.any_container(rng, **self.like)
        with container.gate_lock, self._effect(soak, container):
            pid = self._process(container)
            prove(pid, "there was no gate at that moment")
            before = drops(pid)
            os.kill(pid, signal.SIGSTOP)
            try:
                events = self._cause_events(container, lambda: drops(pid) > before)
            finally:
                os.kill(pid, signal.SIGCONT)
            lost = drops(pid) - before
            prove(lost > 0, "the kernel lost nothing")
            prove(container.answers(patience=PATIENCE) is not None, "the gate does not answer afterwards")
            return {"events": events, "datagrams the kernel lost": lost}

    def _effect(self, soak, container):
        return contextlib.nullcontext()


class DeniedPackets(Overrun):
    name = "log of denied packets overrun"

    def _process(self, container):
        return container.current_gate()

    def _cause_events(self, container, enough):
        sent = 0
        with container.socket() as flood:
            while sent < MOST and not enough():
                for _ in range(AT_ONCE):
                    try:
                        flood.sendto(b"x" * 100, ("203.0.113.66", 9999))
                    except OSError:
                        pass
                sent += AT_ONCE
        return sent


class Transactions(Overrun):
    name = "keeper's notifications overrun"
    like = {"journal": "file"}

    def _process(self, container):
        return container.keeper

    @contextlib.contextmanager
    def _effect(self, soak, container):
        """The keeper replaces the rules, since it may have missed a change of them."""
        noted_before, admitted = container.count_in_journal("tampering"), container.admitted()
        container.tampered.append(time.monotonic())
        with soak.record.rules_replaced(container):
            yield
            prove(wait_for_restored(container, noted_before, admitted), "the audit does not report it")

    def _cause_events(self, container, enough):
        container.nft("add table inet crowd")
        container.nft("add set inet crowd s { type ipv4_addr; }")
        events, elements = 0, ", ".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(ELEMENTS))
        try:
            while events < MOST and not enough():
                container.nft("-f", "-", stdin=f"add element inet crowd s {{ {elements} }}\n")
                container.nft("flush set inet crowd s")
                events += 2 * ELEMENTS
        finally:
            container.nft("delete table inet crowd")
        return events


def drops(pid):
    """The number of datagrams that the kernel dropped at the process's netfilter sockets."""
    own = set()
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            own.add(os.readlink(f"/proc/{pid}/fd/{number}"))
    lines = [line.split() for line in Path(f"/proc/{pid}/net/netlink").read_text().splitlines()[1:]]
    return sum(int(fields[8]) for fields in lines if fields[1] == NETFILTER and f"socket:[{fields[9]}]" in own)


FAULTS = [DeniedPackets(), Transactions()]
