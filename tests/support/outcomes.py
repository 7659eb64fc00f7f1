"""Assertions about an attempt to reach a host."""

AT_ONCE = 0.9  # seconds; a refusal takes less than a millisecond, and TCP retransmits a dropped SYN after one second
TRIED_AGAIN = 4.5  # seconds; the C library retries after five seconds without an answer


def assert_refused(outcome, internet):
    """Not reached, refused immediately, and no packet left."""
    assert not outcome["reached"], outcome
    assert outcome["seconds"] < AT_ONCE, outcome
    assert internet.packets() == []
    assert internet.services.visits == []


def assert_reached(outcome):
    assert outcome["reached"], outcome
