"""docs/attacks.md is correct: each test in it exists, and each attack has a test or the reason
why it has none."""

import re

import pytest

from support.project import ROOT

PAGE = ROOT / "docs" / "attacks.md"
NOT_TESTED = "not tested: "


def rows():
    """The attacks, with the cells beside them."""
    found = re.findall(r"^\| (.*) \| (.*) \|$", PAGE.read_text(), re.M)
    return {attack: tests.split("<br>") for attack, tests in found if attack != "attack"}


def names_in(path):
    """The names of all tests in a file."""
    pattern = r"^def (test_\w+)\(" if path.suffix == ".py" else r'TEST_CASE\("([^"]+)"\)'
    return re.findall(pattern, path.read_text(), re.M)


@pytest.mark.parametrize("attack", rows())
def test_each_attack_has_an_existing_test_or_a_reason(attack):
    for cell in rows()[attack]:
        if cell.startswith(NOT_TESTED):
            assert len(cell) > len(NOT_TESTED)
            continue
        file, name = re.fullmatch(r"`(tests/[\w./-]+)::(.+)`", cell).groups()
        assert name in names_in(ROOT / file), cell


def test_no_attack_is_listed_twice():
    attacks = re.findall(r"^\| (.*?) \| ", PAGE.read_text(), re.M)
    assert len([attack for attack in attacks if attack != "attack"]) == len(rows())


def test_each_test_in_test_attacks_is_listed():
    file = "tests/system/gate/test_attacks.py"
    assert {name for name in names_in(ROOT / file) if f"`{file}::{name}`" not in PAGE.read_text()} == set()
