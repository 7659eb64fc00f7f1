"""Houses under load, faults one after another, and what is asked of the whole at the end."""

import collections
import random
import statistics
import tempfile
import threading
import time

from soak.fault import WithoutEffect
from soak.faults import clock, journal
from soak.container import MOST_DEATHS, SoakContainer
from soak.killer import Killer
from soak.record import Record
from soak.resolver import Resolver
from support.waiting import eventually
from support.internet import Internet

TICK = 0.1
READ_EVERY = 5  # ticks
PAUSE = 0.12  # seconds between one question of an asker and its next, on average
LOOKS = 5  # until the gate has resolved its names, and needs no descriptor for them
SETTLING = 15  # seconds; the gate gives up whom it waits for earlier
WHO = ["agent", "root"]
JOURNALS = {2: "small disk", 3: "pipe", 4: "pipe to close"}
CLOCKS = {6: "its own"}
HOUSES = 8


class Soak:
    def __init__(self, scratch, binary, seed):
        self.rng = random.Random(seed)
        self.internet = Internet()
        self.resolver = Resolver(self.internet)
        self.containers = [SoakContainer(tempfile.mkdtemp(dir=scratch), binary, self.internet, f"container {number}",
                                 WHO[number % 2], JOURNALS.get(number, "file"), CLOCKS.get(number, "the machine's"))
                       for number in range(HOUSES)]
        self.record = Record(self.internet, self.resolver, self.containers)
        self.table = collections.OrderedDict()  # fault: times, what was seen, why not
        self.failures = []  # of faults that did not end as they should
        self._ended = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)

    def run(self, seconds, faults):
        self.seconds = seconds
        threading.excepthook = lambda broken: self.failures.append(f"{broken.thread.name}: {broken.exc_value!r}")
        self._move_in()
        self._listener.start()
        self.killer = killer = Killer(self.containers, random.Random(self.rng.random()), seconds)
        killer.start()
        self._let_happen(faults, seconds)
        killer.join(timeout=10)
        killer.end()
        self._settle()

    # What faults ask for ------------------------------------------------------------------------------------

    def a_house(self, rng, **like):
        fitting = [container for container in self.containers if all(getattr(container, key) == value for key, value in like.items())]
        return rng.choice(fitting)

    def move_in_again(self, container):
        container.end()
        self._move_into(container)
        container.begin()

    def a_house_that_may_lose_its_gate(self, rng):
        fitting = [container for container in self.containers if container.deaths_lately() < MOST_DEATHS]
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

    # How it is done -----------------------------------------------------------------------------------------

    def _move_in(self):
        for container in self.containers:
            if container.journal == "small disk":
                journal.small_disk(container)
            if container.clock == "its own":
                clock.install(container)
            self._move_into(container)
        self.descriptors_at_the_start = [self._descriptors(container) for container in self.containers]
        for container in self.containers:
            container.begin()

    def _move_into(self, container):
        container.move_in(self.rng.getrandbits(30), PAUSE)
        container.kill_gate()  # whoever is here at the end will have been started again as well
        container.answers()

    def _let_happen(self, faults, seconds):
        """Each at least once; then in whatever order until the time is over."""
        begin = time.monotonic()
        round_of = lambda: self.rng.sample(faults, len(faults))
        waiting, first = round_of(), True
        each = min(6, max(1, seconds / len(faults) / 2))
        while first or time.monotonic() < begin + seconds:
            self._let_one_happen(waiting.pop(), each)
            if not waiting:
                waiting, first = round_of(), False
        self.lasted = time.monotonic() - begin

    def _let_one_happen(self, fault, seconds):
        row = self.table.setdefault(fault.name, {"times": 0, "seen": collections.Counter(), "not": collections.Counter()})
        try:
            row["seen"].update(fault.happen(self, self.rng, seconds))
            row["times"] += 1
        except WithoutEffect as why:
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
        """The load ends, what is in flight is told, and what is left over can be seen."""
        for container in self.containers:
            container.calm_down()
        eventually(lambda: all(container.calm for container in self.containers), "everybody has an answer", patience=30)
        self._ended.set()
        self._listener.join()
        for container in self.containers:
            container.listen()
        self.record.read_all()
        self.zombies = [(container.name, *zombie) for container in self.containers for zombie in container.lasting_zombies()]
        self.descriptors_at_the_end = [self._descriptors(container, expected)
                                       for container, expected in zip(self.containers, self.descriptors_at_the_start)]

    def _descriptors(self, container, expected=None):
        """Of keeper and gate; those `expected` if it comes to that, or else the fewest while nobody asks."""
        if not expected:
            return min(container.descriptors() for _ in range(LOOKS) if not time.sleep(TICK))
        end = time.monotonic() + SETTLING
        while (found := container.descriptors()) != expected and time.monotonic() < end:
            time.sleep(TICK)
        return found

    def back_within(self):
        return statistics.median(self.killer.away) if self.killer.away else None

    def close(self):
        self._ended.set()
        for container in self.containers:
            container.end()
            if container.journal == "small disk":
                journal.take_away_the_disk(container)
        self.internet.close()
