"""What became of an attempt to get out."""

AT_ONCE = 0.3  # seconds; a refusal takes less than one thousandth, a dropped packet would take many


def assert_refused(outcome, world):
    """Not reached, told at once, and not a packet left."""
    assert not outcome["reached"], outcome
    assert outcome["seconds"] < AT_ONCE, outcome
    assert world.packets() == []
    assert world.services.visits == []


def assert_reached(outcome):
    assert outcome["reached"], outcome
