"""Reduces a finding to the shortest program that reproduces it."""

import time

TIMES = 20
PATIENCE = 0.25  # seconds until a packet must be on the wire
LONGEST = 12  # seconds per finding
QUIET = "wait s0 yield"


class Minimiser:
    def __init__(self, round, what):
        self.round, self.what = round, what
        self.end = time.monotonic() + LONGEST

    def run(self, candidates):
        """Returns the first candidate that reproduces the finding, without unnecessary lines;
        None if none does."""
        if self._shows([QUIET]):
            return None  # an earlier packet is still on its way
        for text in candidates:
            lines = [line for line in text.splitlines() if line and line != QUIET]
            if self._shows(lines):
                return self._shortened(lines)
            if time.monotonic() > self.end:
                return None
        return None

    def _shows(self, lines):
        return self.what in self.round.finding_classes("\n".join(lines), TIMES, PATIENCE)

    def _shortened(self, lines):
        size = max(1, len(lines) // 2)
        while time.monotonic() < self.end:
            at, shorter = 0, False
            while at < len(lines):
                without = lines[:at] + lines[at + size:]
                if without and self._shows(without):
                    lines, shorter = without, True
                else:
                    at += size
            if size == 1 and not shorter:
                break
            size = max(1, size // 2)
        return lines
