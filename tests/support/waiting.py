"""Waiting for a condition, with a timeout."""

import time

PATIENCE = 30.0  # seconds; a test that passes does not wait this long


def eventually(condition, what, patience=PATIENCE):
    """Returns the first true value of condition()."""
    end = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"timed out waiting until {what}")
        time.sleep(0.005)
    return value
