"""The outside as the gate's tests know it: whoever connects anywhere is welcome, so that a connection that should not
have been possible succeeds. The hosts' names below are names for addresses.
"""

import time

from support.outside import RESOLVER, Outside
from support.services import Services

CLOSING = 0.05  # seconds between the last packets of a connection, on a busy machine
SECOND_RESOLVER = {4: "198.51.100.54", 6: "2001:db8:53::54"}
ALLOWED = {4: "198.51.100.10", 6: "2001:db8:10::10"}
ANOTHER = {4: "198.51.100.20", 6: "2001:db8:20::20"}
UNLISTED = {4: "203.0.113.66", 6: "2001:db8:66::66"}
PUBLIC_RESOLVER = {4: "8.8.8.8", 6: "2001:4860:4860::8888"}
METADATA = {4: "169.254.169.254", 6: "fd00:ec2::254"}
PRIVATE = {4: "10.1.2.3", 6: "fd12:3456::3"}


class Internet(Outside):
    def __init__(self):
        super().__init__()
        self.services = Services(self.network, self._loop)

    # What arrived since the last forget() -------------------------------------------------------------------

    def strays(self, *expected):
        """Packets to anywhere but the resolvers' port 53 and the (address, port) pairs expected."""
        fine = {(address, 53) for host in (RESOLVER, SECOND_RESOLVER) for address in host.values()} | set(expected)
        return [packet for packet in self.packets() if (packet.destination, packet.port) not in fine]

    def forget(self):
        """What comes of connections that were made before, and closed, is not of what follows."""
        while self.packets():
            time.sleep(CLOSING)
        self.services.visits.clear()
        self.upstream.queries.clear()

    def start_over(self):
        """For the next module: no sandbox, no zone, nothing recorded."""
        for link in list(self._links):
            self.detach(link)
        self.upstream.forget_zones()
        self.services.visits.clear()

    def close(self):
        super().close()
        self.services.close()
