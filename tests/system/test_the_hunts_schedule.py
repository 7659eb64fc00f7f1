"""The rounds of scripts/hunt have many combinations of settings in a short time."""

import itertools
from types import SimpleNamespace

import pytest

from hunt import schedule

NAMES = ("scope", "who", "flushes", "inside", "by", "relay", "names")
ANY = SimpleNamespace(scope=None, who=None, flushes=None, inside=None, by=None, relay=None, names=None, tracking=None,
                      quiet=False, workers=2, without="")


def rounds(wanted=ANY):
    """Of two whole turns."""
    return [schedule.settings(wanted, number) for number in range(2 * schedule.ROUNDS)]


def values(first, second, settings):
    return {(getattr(each, first), getattr(each, second)) for each in settings}


@pytest.mark.parametrize("first, second", itertools.combinations(NAMES, 2))
def test_any_eight_rounds_in_a_row_have_every_pair_of_values(first, second):
    every = values(first, second, rounds())
    assert len(every) == (3 if first == "scope" and second in ("who", "inside") else 4)
    for start in range(schedule.ROUNDS):
        assert values(first, second, rounds()[start:start + 8]) == every, start


def test_no_combination_comes_twice():
    found = {tuple(getattr(each, name) for name in NAMES) for each in rounds()}
    assert len(found) == schedule.ROUNDS


@pytest.mark.parametrize("name, option, value", [
    ("scope", "user", "user"), ("who", "root", "root"), ("flushes", "no", False), ("inside", "yes", True), ("by", "exec", "exec"),
    ("relay", "yes", True), ("relay", "no", False), ("names", "yes", True), ("names", "no", False),
    ("tracking", "ipv4", "ipv4")])
def test_an_option_is_that_of_every_round_that_can_have_it(name, option, value):
    found = rounds(SimpleNamespace(**{**vars(ANY), name: option}))
    if name in ("who", "inside", "tracking"):
        found = [each for each in found if each.scope == "container"]
    assert {getattr(each, name) for each in found} == {value}
