"""The upstream of the soak: honest answers that change with time. It records the addresses that
it gave for allowed names."""

import time
import zlib

from support.behaviours import add, no_such_name, pack, reply_to
from support.internet import RESOLVER

ZONES = (".load.example", ".wild.example")
EPOCH = 7  # seconds after which a name has another address
LONGEST = 6  # seconds that a question can spend in the gate, with a margin


class Resolver:
    def __init__(self, internet):
        self.internet = internet
        self.answered = set()  # every address it gave for an allowed name
        self.asked = 0
        self.leaks = []  # questions that no rule allows
        self.behave_as(self.honest)

    def behave_as(self, behaviour):
        """Sets the behaviour for all further questions."""
        self.internet.upstream.everything(behaviour)

    def honest(self, question):
        message = reply_to(question)
        if not question.name.lower().endswith(ZONES):
            return no_such_name(question)
        for address in self.addresses(question):
            add(message, question.name, 1 + zlib.crc32(question.name.encode()) % 4, question.type, address)
            self.answered.add(address)
        return pack(message, question)

    def addresses(self, question):
        epoch = int(time.monotonic() / EPOCH)
        number = zlib.crc32(f"{question.name.lower()} {epoch}".encode())
        if question.type == "A":
            return [f"198.51.100.{number % 50 + 100}", f"192.0.2.{number // 50 % 254 + 1}"]
        if question.type == "AAAA":
            return [f"2001:db8:{number % 16 + 0x100:x}::{(number >> 16) + 1:x}"]
        return []

    def collect_questions(self):
        """Collects the questions since the last call. Only the gate asks these servers; a
        question to another server shows in the packets."""
        upstream = self.internet.upstream
        queries, upstream.queries = upstream.queries, []
        self.asked += len(queries)
        self.leaks += [query for query in queries
                       if query.server in RESOLVER.values() and not query.name.lower().endswith(ZONES)]
