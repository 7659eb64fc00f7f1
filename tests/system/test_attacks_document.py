"""docs/attacks.md is true: every test it names is there, and each attack has one, or the reason why not."""

import re

import pytest

from support.project import ROOT

PAGE = ROOT / "docs" / "attacks.md"
NOT_TESTED = "not tested: "


def rows():
    """The attacks, and what stands beside each."""
    found = re.findall(r"^\| (.*) \| (.*) \|$", PAGE.read_text(), re.M)
    return {attack: tests.split("<br>") for attack, tests in found if attack != "attack"}


def names_in(path):
    """The names of the tests in a file."""
    pattern = r"^def (test_\w+)\(" if path.suffix == ".py" else r'TEST_CASE\("([^"]+)"\)'
    return re.findall(pattern, path.read_text(), re.M)


@pytest.mark.parametrize("attack", rows())
def test_an_attack_has_a_test_that_is_there_or_the_reason_why_not(attack):
    for cell in rows()[attack]:
        if cell.startswith(NOT_TESTED):
            assert len(cell) > len(NOT_TESTED)
            continue
        file, name = re.fullmatch(r"`(tests/[\w./-]+)::(.+)`", cell).groups()
        assert name in names_in(ROOT / file), cell


def test_no_attack_stands_there_twice():
    attacks = re.findall(r"^\| (.*?) \| ", PAGE.read_text(), re.M)
    assert len([attack for attack in attacks if attack != "attack"]) == len(rows())


def test_the_tests_that_were_written_for_the_page_are_on_it():
    file = "tests/system/gate/test_attacks.py"
    assert {name for name in names_in(ROOT / file) if f"`{file}::{name}`" not in PAGE.read_text()} == set()
