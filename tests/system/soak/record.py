"""What left the houses, and by what leave: an address that the upstream gave for an allowed name, at the rules' port."""

import collections
import contextlib
import socket
import threading
import time

from support.world import RESOLVER

PORT = 443
ICMP = {socket.IPPROTO_ICMP, 58}
RESOLVERS = set(RESOLVER.values())


class Record:
    def __init__(self, world, resolver, houses):
        self.world, self.resolver, self.houses = world, resolver, houses
        self._lock = threading.RLock()
        self.packets = 0
        self.without_leave = []
        self.while_undone = collections.Counter()  # by what somebody with the right to had undone
        self.windows = []  # house, from, to

    def read(self, house, excuse=None):
        with self._lock:
            self.resolver.take_in()
            packets = self.world.capture_of(house.cable).read()
            self.packets += len(packets)
            strays = [packet for packet in packets if not self._has_leave(packet)]
            if excuse:
                self.while_undone[excuse] += len(strays)
            else:
                self.without_leave += [(house.name, time.monotonic(), *packet) for packet in strays]
            return strays

    def read_all(self):
        for house in self.houses:
            self.read(house)

    @contextlib.contextmanager
    def undone(self, house, what):
        """While it lasts there are no rules in that house, by the hand of somebody with the right to."""
        with self._lock:
            self.read(house)
            begin = time.monotonic()
            try:
                yield
            finally:
                self.windows.append((house.name, begin, time.monotonic()))
                self.read(house, excuse=what)

    def was_undone(self, house, begin, end):
        return any(name == house and begin <= until and end >= since for name, since, until in self.windows)

    def since_undone(self, house, moment):
        """Seconds, or nothing where they never were."""
        return min((moment - until for name, _, until in self.windows if name == house and until <= moment), default=None)

    def lost(self):
        """Packets that the record itself missed."""
        return sum(self.world.capture_of(house.cable).lost() for house in self.houses)

    def _has_leave(self, packet):
        told = self.resolver.told
        if packet.destination in RESOLVERS:
            return packet.port == 53 or packet.protocol in ICMP
        return packet.destination in told and (packet.port == PORT or packet.protocol in ICMP)
