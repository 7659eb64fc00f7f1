"""Waiting for a condition, never for a time; and never for ever."""

import time

PATIENCE = 10.0  # seconds; reached only when something is wrong


def eventually(condition, what, patience=PATIENCE):
    """The first true value of condition()."""
    end = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain until {what}")
        time.sleep(0.005)
    return value
