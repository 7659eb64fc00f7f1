"""Runs containers under load, injects one fault after another, and collects the data for the
verdict."""

import collections
import random
import statistics
import tempfile
import threading
import time

from soak.container import MAX_DEATHS, SoakContainer
from soak.fault import NoEffect
from soak.faults import clock, journal
from soak.killer import Killer
from soak.record import Record
from soak.resolver import Resolver
from support.internet import Internet
from support.waiting import eventually

TICK = 0.1
READ_EVERY = 5  # ticks
PAUSE = 0.12  # seconds between two questions of a thread, on average
SAMPLES = 5  # until the gate has resolved its names and closed the descriptors for that
SETTLING = 15  # seconds; longer than the gate's own timeouts
WHO = ["agent", "root"]
JOURNALS = {2: "small disk", 3: "pipe", 4: "pipe to close"}
CLOCKS = {6: "its own"}
CONTAINERS = 8


class Soak:
    def __init__(self, scratch, binary, seed):
        self.rng = random.Random(seed)
        self.internet = Internet()
        self.resolver = Resolver(self.internet)
        self.containers = [SoakContainer(tempfile.mkdtemp(dir=scratch), binary, self.internet, f"container {number}",
                                         WHO[number % 2], JOURNALS.get(number, "file"), CLOCKS.get(number, "the machine's"))
                           for number in range(CONTAINERS)]
        self.record = Record(self.internet, self.resolver, self.containers)
        self.table = collections.OrderedDict()  # fault: how often, its effects, reasons for skipping it
        self.failures = []  # of faults that did not end as expected
        self._ended = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)

    def run(self, seconds, faults):
        self.seconds = seconds
        threading.excepthook = lambda broken: self.failures.append(f"{broken.thread.name}: {broken.exc_value!r}")
        self._start_all()
        self._listener.start()
        self.killer = killer = Killer(self.containers, random.Random(self.rng.random()), seconds)
        killer.start()
        self._inject_all(faults, seconds)
        killer.join(timeout=10)
        killer.end()
        self._settle()

    # For the faults -------------------------------------------------------------------------------

    def any_container(self, rng, **like):
        fitting = [container for container in self.containers if all(getattr(container, key) == value for key, value in like.items())]
        return rng.choice(fitting)

    def restart(self, container):
        container.end()
        self._start(container)
        container.begin()

    def container_whose_gate_may_die(self, rng):
        fitting = [container for container in self.containers if container.recent_deaths() < MAX_DEATHS]
        return rng.choice(fitting) if fitting else None

    def answers_by_code(self):
        sums = self.counts()
        of = lambda code: sum(number for what, number in sums.items() if what in (f"plain {code}", f"wildcard {code}"))
        return {"answered": of(0), "servfail": of(2)}

    def counts(self):
        sums = collections.Counter()
        for container in self.containers:
            sums.update(container.counts)
        return sums

    # Implementation -------------------------------------------------------------------------------

    def _start_all(self):
        for container in self.containers:
            if container.journal == "small disk":
                journal.small_disk(container)
            if container.clock == "its own":
                clock.install(container)
            self._start(container)
        self.descriptors_at_the_start = [self._descriptors(container) for container in self.containers]
        for container in self.containers:
            container.begin()

    def _start(self, container):
        container.start_load(self.rng.getrandbits(30), PAUSE)
        container.kill_gate()  # so that each container has had at least one restart of its gate
        container.answers()

    def _inject_all(self, faults, seconds):
        """Injects each fault once, then all in random order until the time is over."""
        begin = time.monotonic()
        round_of = lambda: self.rng.sample(faults, len(faults))
        waiting, first = round_of(), True
        each = min(6, max(1, seconds / len(faults) / 2))
        while first or time.monotonic() < begin + seconds:
            self._inject(waiting.pop(), each)
            if not waiting:
                waiting, first = round_of(), False
        self.lasted = time.monotonic() - begin

    def _inject(self, fault, seconds):
        row = self.table.setdefault(fault.name, {"times": 0, "seen": collections.Counter(), "not": collections.Counter()})
        try:
            row["seen"].update(fault.inject(self, self.rng, seconds))
            row["times"] += 1
        except NoEffect as why:
            row["not"][str(why)] += 1
        except (AssertionError, OSError) as broken:
            row["times"] += 1
            self.failures.append(f"{fault.name}: {broken}")

    def _listen(self):
        ticks = 0
        while not self._ended.wait(TICK):
            for container in self.containers:
                container.listen()
            ticks += 1
            if ticks % READ_EVERY == 0:
                self.record.read_all()

    def _settle(self):
        """Stops the load, waits for outstanding answers, and looks at what is left."""
        for container in self.containers:
            container.stop_load()
        eventually(lambda: all(container.idle for container in self.containers), "all agents are idle", patience=30)
        self._ended.set()
        self._listener.join()
        for container in self.containers:
            container.listen()
        self.record.read_all()
        self.zombies = [(container.name, *zombie) for container in self.containers for zombie in container.lasting_zombies()]
        self.descriptors_at_the_end = [self._descriptors(container, expected)
                                       for container, expected in zip(self.containers, self.descriptors_at_the_start)]

    def _descriptors(self, container, expected=None):
        """The descriptors of keeper and gate: `expected` if they reach it, else the fewest while
        the agents are idle."""
        if not expected:
            return min(container.descriptors() for _ in range(SAMPLES) if not time.sleep(TICK))
        end = time.monotonic() + SETTLING
        while (found := container.descriptors()) != expected and time.monotonic() < end:
            time.sleep(TICK)
        return found

    def median_outage(self):
        return statistics.median(self.killer.outage_seconds) if self.killer.outage_seconds else None

    def close(self):
        self._ended.set()
        for container in self.containers:
            container.end()
            if container.journal == "small disk":
                journal.remove_small_disk(container)
        self.internet.close()
