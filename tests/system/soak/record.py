"""What left the houses, and by what leave: an address that the upstream gave for an allowed name, at the rules' port."""

import collections
import contextlib
import socket
import threading
import time

from support.internet import RESOLVER

PORT = 443
ICMP = {socket.IPPROTO_ICMP, 58}
RESOLVERS = set(RESOLVER.values())


class Record:
    def __init__(self, internet, resolver, containers):
        self.internet, self.resolver, self.containers = internet, resolver, containers
        self._lock = threading.RLock()
        self.packets = 0
        self.without_leave = []
        self.while_undone = collections.Counter()  # by what somebody with the right to had undone
        self.windows = []  # house, from, to

    def read(self, container, excuse=None):
        with self._lock:
            self.resolver.take_in()
            packets = self.internet.capture_of(container.link).read()
            self.packets += len(packets)
            stray_packets = [packet for packet in packets if not self._has_leave(packet)]
            if excuse:
                self.while_undone[excuse] += len(stray_packets)
            else:
                self.without_leave += [(container.name, time.monotonic(), *packet) for packet in stray_packets]
            return stray_packets

    def read_all(self):
        for container in self.containers:
            self.read(container)

    @contextlib.contextmanager
    def undone(self, container, what):
        """While it lasts there are no rules in that house, by the hand of somebody with the right to."""
        with self._lock:
            self.read(container)
            begin = time.monotonic()
            try:
                yield
            finally:
                self.windows.append((container.name, begin, time.monotonic()))
                self.read(container, excuse=what)

    def was_undone(self, container, begin, end):
        return any(name == container and begin <= until and end >= since for name, since, until in self.windows)

    def since_undone(self, container, moment):
        """Seconds, or nothing where they never were."""
        return min((moment - until for name, _, until in self.windows if name == container and until <= moment), default=None)

    def lost(self):
        """Packets that the record itself missed."""
        return sum(self.internet.capture_of(container.link).lost() for container in self.containers)

    def _has_leave(self, packet):
        told = self.resolver.told
        if packet.destination in RESOLVERS:
            return packet.port == 53 or packet.protocol in ICMP
        return packet.destination in told and (packet.port == PORT or packet.protocol in ICMP)
