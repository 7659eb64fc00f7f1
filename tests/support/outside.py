"""The network outside of all sandboxes: a namespace in which every address is local, with a DNS
server and links to the sandboxes.

Every packet that leaves a sandbox arrives here and is recorded, so that a test sees a packet that
should not have left. 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 and 2001:db8::/32 stand for the
public Internet.
"""

import asyncio
import itertools
import threading

from support.capture import Capture
from support.link import Link
from support.network import everywhere
from support.upstream import Upstream

RESOLVER = {4: "198.51.100.53", 6: "2001:db8:53::53"}


class Outside:
    def __init__(self):
        self.network = everywhere()
        self._loop = asyncio.new_event_loop()
        self.upstream = Upstream(self._loop)
        self.upstream.listen(self.network)
        self._numbers = itertools.count()
        self._links = {}  # the capture of each link
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def attach(self, families=(4, 6)):
        """The network of a new sandbox, whose only link leads here."""
        link = Link(self.network, next(self._numbers), families)
        self._links[link] = Capture(self.network, link.outside_name, link.network, "eth0")
        return link

    def detach(self, link):
        self._links.pop(link).close()
        link.close()

    def packets(self):
        """All packets that left a sandbox since the last call, except neighbour discovery."""
        return [packet for capture in self._links.values() for packet in capture.read()]

    def capture_of(self, link):
        return self._links[link]

    def _end_tasks(self):
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.call_soon(self._loop.stop)

    def close(self):
        for link in list(self._links):
            self.detach(link)
        self._loop.call_soon_threadsafe(self._end_tasks)
        self._thread.join()
        self.upstream.close()
        self._loop.close()
        self.network.close()
