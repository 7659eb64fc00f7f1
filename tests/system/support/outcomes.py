"""What became of an attempt to get out."""

AT_ONCE = 0.9  # seconds; a refusal takes less than one thousandth, the kernel sends a dropped packet again after one
TRIED_AGAIN = 4.5  # seconds; the C library asks again after five where it had no answer


def assert_refused(outcome, internet):
    """Not reached, told at once, and not a packet left."""
    assert not outcome["reached"], outcome
    assert outcome["seconds"] < AT_ONCE, outcome
    assert internet.packets() == []
    assert internet.services.visits == []


def assert_reached(outcome):
    assert outcome["reached"], outcome
