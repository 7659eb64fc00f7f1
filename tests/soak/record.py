"""Records the packets that left the containers. A packet is allowed if the upstream gave its
destination for an allowed name, and its port is that of the rules."""

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
        self.not_allowed = []
        self.excused = collections.Counter()  # by the reason why rules were missing
        self.windows = []  # (container, start, end) of times without rules
        self.reloads = []  # the same of times in which the keeper replaces the rules, without admissions at first

    def read(self, container, excuse=None):
        with self._lock:
            self.resolver.collect_questions()
            packets = self.internet.capture_of(container.link).read()
            self.packets += len(packets)
            stray_packets = [packet for packet in packets if not self._is_allowed(packet)]
            if excuse:
                self.excused[excuse] += len(stray_packets)
            else:
                self.not_allowed += [(container.name, time.monotonic(), *packet) for packet in stray_packets]
            return stray_packets

    def read_all(self):
        for container in self.containers:
            self.read(container)

    @contextlib.contextmanager
    def rules_missing(self, container, what):
        """While this lasts, the container has no rules, because another root removed them."""
        with self._lock:
            self.read(container)
            begin = time.monotonic()
            try:
                yield
            finally:
                self.windows.append((container.name, begin, time.monotonic()))
                self.read(container, excuse=what)

    @contextlib.contextmanager
    def rules_replaced(self, container):
        """While this lasts, the keeper replaces the rules: nothing may leave that no rule allows."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self.reloads.append((container.name, begin, time.monotonic()))

    def rules_were_missing(self, container, begin, end):
        return _overlap(self.windows, container, begin, end)

    def admissions_were_missing(self, container, begin, end):
        return _overlap(self.windows + self.reloads, container, begin, end)

    def since_rules_were_missing(self, container, moment):
        """The seconds since the rules were missing; None if they never were."""
        return min((moment - until for name, _, until in self.windows if name == container and until <= moment), default=None)

    def lost(self):
        """The number of packets that the capture lost."""
        return sum(self.internet.capture_of(container.link).lost() for container in self.containers)

    def _is_allowed(self, packet):
        answered = self.resolver.answered
        if packet.destination in RESOLVERS:
            return packet.port == 53 or packet.protocol in ICMP
        return packet.destination in answered and (packet.port == PORT or packet.protocol in ICMP)


def _overlap(windows, container, begin, end):
    return any(name == container and begin <= until and end >= since for name, since, until in windows)
