"""A stand-in for the Internet in which every host accepts connections, so that a connection that
the gate should have denied succeeds. The constants name addresses by their use."""

import time

from support.outside import RESOLVER, Outside
from support.services import PORTS, Services

CLOSING = 0.05  # seconds between the last packets of a connection, on a busy machine
SECOND_RESOLVER = {4: "198.51.100.54", 6: "2001:db8:53::54"}
ALLOWED = {4: "198.51.100.10", 6: "2001:db8:10::10"}
ANOTHER = {4: "198.51.100.20", 6: "2001:db8:20::20"}
UNLISTED = {4: "203.0.113.66", 6: "2001:db8:66::66"}
PUBLIC_RESOLVER = {4: "8.8.8.8", 6: "2001:4860:4860::8888"}
METADATA = {4: "169.254.169.254", 6: "fd00:ec2::254"}
PRIVATE = {4: "10.1.2.3", 6: "fd12:3456::3"}


class Internet(Outside):
    def __init__(self, ports=PORTS):
        """ports: where every address has an echo service"""
        super().__init__()
        self.services = Services(self.network, self._loop, ports)

    # Packets since the last forget() --------------------------------------------------------------

    def stray_packets(self, *expected):
        """Packets to anywhere but port 53 of the resolvers and the expected (address, port) pairs."""
        fine = {(address, 53) for host in (RESOLVER, SECOND_RESOLVER) for address in host.values()} | set(expected)
        return [packet for packet in self.packets() if (packet.destination, packet.port) not in fine]

    def forget(self):
        """Waits for late packets of closed connections, then clears all records."""
        while self.packets():
            time.sleep(CLOSING)
        self.services.visits.clear()
        self.upstream.queries.clear()

    def start_over(self):
        """Resets everything for the next module: removes the containers' links, the zones and the
        records."""
        for link in list(self._links):
            self.detach(link)
        self.upstream.forget_zones()
        self.services.visits.clear()

    def close(self):
        super().close()
        self.services.close()
