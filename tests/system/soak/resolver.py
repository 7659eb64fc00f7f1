"""The upstream of the soak: honest answers that change with time, and which addresses they gave leave to."""

import time
import zlib

from support.behaviours import add, no_such_name, pack, reply_to
from support.internet import RESOLVER

ZONES = (".load.example", ".wild.example")
EPOCH = 7  # seconds after which a name leads elsewhere
LONGEST = 6  # seconds that a question can be under way in the gate, and some


class Resolver:
    def __init__(self, internet):
        self.internet = internet
        self.told = set()  # every address it gave for a name that is allowed
        self.asked = 0
        self.leaks = []  # questions that nobody may ask
        self.be(self.honest)

    def be(self, behaviour):
        """What it does with every question from now on."""
        self.internet.upstream.everything(behaviour)

    def honest(self, question):
        message = reply_to(question)
        if not question.name.lower().endswith(ZONES):
            return no_such_name(question)
        for address in self.addresses(question):
            add(message, question.name, 1 + zlib.crc32(question.name.encode()) % 4, question.type, address)
            self.told.add(address)
        return pack(message, question)

    def addresses(self, question):
        epoch = int(time.monotonic() / EPOCH)
        number = zlib.crc32(f"{question.name.lower()} {epoch}".encode())
        if question.type == "A":
            return [f"198.51.100.{number % 50 + 100}", f"192.0.2.{number // 50 % 254 + 1}"]
        if question.type == "AAAA":
            return [f"2001:db8:{number % 16 + 0x100:x}::{(number >> 16) + 1:x}"]
        return []

    def take_in(self):
        """What it was asked since. Who asks another server than the gate's goes past the gate, which the packets show."""
        upstream = self.internet.upstream
        queries, upstream.queries = upstream.queries, []
        self.asked += len(queries)
        self.leaks += [query for query in queries
                       if query.server in RESOLVER.values() and not query.name.lower().endswith(ZONES)]
