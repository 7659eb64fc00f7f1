"""The network outside of a hunt: a namespace in which every address is local, and links to
containers. hunt_outside plays all hosts in it."""

import itertools

from support.link import Link
from support.network import everywhere


class Internet:
    def __init__(self):
        self.network = everywhere()
        self._numbers = itertools.count()

    def attach(self, families=(4, 6)):
        return Link(self.network, next(self._numbers), families)

    def detach(self, link):
        link.close()

    def close(self):
        self.network.close()
