"""From a finding to the shortest program that shows it."""

TIMES = 20
PATIENCE = 0.25  # seconds in which a packet must be on the wire


def lines_of(text):
    return [line for line in text.splitlines() if line and not line.startswith("wait s0 yield")]


def minimise(round, what, candidates):
    """The first candidate that shows `what` again, without the lines that it does not need; None: none does."""
    for text in candidates:
        lines = lines_of(text)
        if what in round.classes_of("\n".join(lines), TIMES, PATIENCE):
            return _shorten(round, what, lines)
    return None


def _shorten(round, what, lines):
    size = max(1, len(lines) // 2)
    while True:
        at, shorter = 0, False
        while at < len(lines):
            without = lines[:at] + lines[at + size:]
            if without and what in round.classes_of("\n".join(without), TIMES, PATIENCE):
                lines, shorter = without, True
            else:
                at += size
        if size == 1 and not shorter:
            return lines
        size = max(1, size // 2)
