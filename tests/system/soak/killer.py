"""Kills gates at moments nobody can foresee, all through the soak; how long each was away."""

import threading
import time

from soak.container import MOST_DEATHS

A_SECOND = 200 / 600
TWICE_IN = 10  # one of so many is killed once more before it is well back
SOON = 0.03  # seconds


class Killer(threading.Thread):
    def __init__(self, containers, rng, seconds):
        super().__init__(daemon=True, name="the killer")
        self._houses, self._rng = containers, rng
        self._moments = sorted(rng.uniform(0, seconds) for _ in range(round(seconds * A_SECOND)))
        self._ended = threading.Event()
        self.done = 0
        self.away = []  # seconds, of each that was killed once
        self.unanswered = []  # house, from and to: nobody answered afterwards

    def run(self):
        begin = time.monotonic()
        for moment in self._moments:
            if self._ended.wait(max(0, begin + moment - time.monotonic())):
                return
            self._kill_one()

    def end(self):
        self._ended.set()
        self.join()

    def _kill_one(self):
        """In a house where another death is not the end, and nobody needs the gate."""
        while not self._ended.is_set():
            for container in self._rng.sample(self._houses, len(self._houses)):
                if container.deaths_lately() < MOST_DEATHS and container.quiet.acquire(blocking=False):
                    try:
                        if self._kill(container):
                            return
                    finally:
                        container.quiet.release()
            self._ended.wait(0.1)

    def _kill(self, container):
        begin = time.monotonic()
        if not container.kill_gate():
            return False
        self.done += 1
        if self._rng.randrange(TWICE_IN) == 0:
            time.sleep(self._rng.uniform(0, SOON))
            self.done += container.kill_gate(also_beginning=True)
            answered = container.answers()
        elif answered := container.answers():
            self.away.append(time.monotonic() - begin)
        container.downs.append((begin, time.monotonic()))
        if not answered:
            self.unanswered.append((container.name, begin, time.monotonic()))
        return True
