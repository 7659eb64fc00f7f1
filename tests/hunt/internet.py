"""The network outside of a hunt: a namespace in which every address is local, and links to
containers. hunt_outside plays all hosts in it."""

import itertools

from support.link import Link
from support.network import NetworkNamespace


class Internet:
    def __init__(self):
        self.network = NetworkNamespace()
        self.network.sysctl("ipv6/conf/default/accept_dad", 0)
        self.network.sysctl("ipv6/ip_nonlocal_bind", 1)
        self.network.ip("""link set lo up
            route add local 0.0.0.0/0 dev lo table local
            route add local ::/1 dev lo table local
            route add local 8000::/1 dev lo table local""")
        self._numbers = itertools.count()

    def attach(self, families=(4, 6)):
        return Link(self.network, next(self._numbers), families)

    def detach(self, link):
        link.close()

    def close(self):
        self.network.close()
