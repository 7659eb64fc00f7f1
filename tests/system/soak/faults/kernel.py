"""The kernel has more to tell than fits: of denied packets to the gate, of transactions to the keeper."""

import contextlib
import os
import signal
from pathlib import Path

from soak.fault import Fault, prove

NETFILTER = "12"  # the protocol's number
AT_ONCE = 2000
MOST = 400_000
ELEMENTS = 3000
PATIENCE = 5


class Overrun(Fault):
    """Whoever is to be told stands still until the kernel has lost something for want of room."""

    def happen(self, soak, rng, seconds):
        container = soak.a_house(rng)
        with container.quiet:
            pid = self._who(container)
            prove(pid, "there was no gate at that moment")
            before = drops(pid)
            os.kill(pid, signal.SIGSTOP)
            try:
                told = self._tell_much(container, lambda: drops(pid) > before)
            finally:
                os.kill(pid, signal.SIGCONT)
            lost = drops(pid) - before
            prove(lost > 0, "the kernel lost nothing")
            prove(container.answers(patience=PATIENCE) is not None, "the gate does not answer afterwards")
            return {"told": told, "datagrams the kernel lost": lost}


class DeniedPackets(Overrun):
    name = "log of denied packets overrun"

    def _who(self, container):
        return container.gate_now()

    def _tell_much(self, container, enough):
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

    def _who(self, container):
        return container.keeper

    def _tell_much(self, container, enough):
        container.nft("add table inet crowd")
        container.nft("add set inet crowd s { type ipv4_addr; }")
        told, elements = 0, ", ".join(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(ELEMENTS))
        try:
            while told < MOST and not enough():
                container.nft("-f", "-", stdin=f"add element inet crowd s {{ {elements} }}\n")
                container.nft("flush set inet crowd s")
                told += 2 * ELEMENTS
        finally:
            container.nft("delete table inet crowd")
        return told


def drops(pid):
    """Datagrams that found no room at the netfilter sockets which that process has."""
    own = set()
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed by now
            own.add(os.readlink(f"/proc/{pid}/fd/{number}"))
    lines = [line.split() for line in Path(f"/proc/{pid}/net/netlink").read_text().splitlines()[1:]]
    return sum(int(fields[8]) for fields in lines if fields[1] == NETFILTER and f"socket:[{fields[9]}]" in own)


FAULTS = [DeniedPackets(), Transactions()]
