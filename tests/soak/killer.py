"""Kills gates at random times during the soak, and measures how long each container has no gate."""

import threading
import time

from soak.container import MAX_DEATHS

KILLS_PER_SECOND = 200 / 600
SECOND_KILL_IN = 10  # one in so many is killed again before it has fully started
SECOND_KILL_WITHIN = 0.03  # seconds


class Killer(threading.Thread):
    def __init__(self, containers, rng, seconds):
        super().__init__(daemon=True, name="the killer")
        self._containers, self._rng = containers, rng
        self._moments = sorted(rng.uniform(0, seconds) for _ in range(round(seconds * KILLS_PER_SECOND)))
        self._ended = threading.Event()
        self.done = 0
        self.outage_seconds = []  # for each gate that was killed once
        self.unanswered = []  # (container, start, end) of kills after which no gate answered

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
        """Kills the gate of a container where another death does not end the agent, and no fault
        needs the gate."""
        while not self._ended.is_set():
            for container in self._rng.sample(self._containers, len(self._containers)):
                if container.recent_deaths() < MAX_DEATHS and container.gate_lock.acquire(blocking=False):
                    try:
                        if self._kill(container):
                            return
                    finally:
                        container.gate_lock.release()
            self._ended.wait(0.1)

    def _kill(self, container):
        begin = time.monotonic()
        if not container.kill_gate():
            return False
        self.done += 1
        if self._rng.randrange(SECOND_KILL_IN) == 0:
            time.sleep(self._rng.uniform(0, SECOND_KILL_WITHIN))
            self.done += container.kill_gate(also_starting=True)
            answered = container.answers()
        elif answered := container.answers():
            self.outage_seconds.append(time.monotonic() - begin)
        container.outages.append((begin, time.monotonic()))
        if not answered:
            self.unanswered.append((container.name, begin, time.monotonic()))
        return True
