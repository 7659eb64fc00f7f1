"""Another root of the machine changes the gate's table: it is put right, or the agent is ended; either way told."""

import time

import pytest

from support.behaviours import host
from support.outcomes import assert_refused
from support.waiting import eventually
from support.world import ALLOWED, UNLISTED

TAMPERING = {
    "everything is flushed": "flush ruleset",
    "the table is deleted": "delete table inet ostiary",
    "the table is emptied": "flush table inet ostiary",
    "a chain is emptied": "flush chain inet ostiary output",
    "a rule is added in front": "insert rule inet ostiary output accept",
    "a policy is turned round": "add chain inet ostiary output { policy accept; }",
    "an admission is added": f"add element inet ostiary allow4 {{ {UNLISTED[4]} . tcp . 443 timeout 1h }}",
    "an IPv6 admission is added": f"add element inet ostiary allow6 {{ {UNLISTED[6]} . tcp . 443 timeout 1h }}",
    "admissions are removed": "flush set inet ostiary allow4",
    "the table is put to sleep": "add table inet ostiary { flags dormant; }",
}


@pytest.fixture
def home(fresh_gatehouse, world):
    world.upstream.name("allowed.example", host(ALLOWED))
    return fresh_gatehouse()


@pytest.fixture
def visitor(world, home, who):
    visitor = home.visit("--allow", "allowed.example", who=who)
    for family in (4, 6):
        visitor.opens("allowed.example", family)
    world.forget()
    return visitor


@pytest.mark.parametrize("what", TAMPERING)
def test_it_is_put_right_and_told(world, home, visitor, what):
    rules = home.rules()
    home.nft(TAMPERING[what])
    home.eventually_audited("tampering", response="repaired", program="nft")
    eventually(lambda: home.rules() == rules, "the rules are right")
    eventually(lambda: not home.admitted_addresses() & set(UNLISTED.values()), "nobody else's admission is there")
    eventually(lambda: home.admitted_addresses() >= set(ALLOWED.values()), "ours are")
    world.forget()
    for family in (4, 6):
        assert_refused(visitor.connect(UNLISTED[family], 443), world)
    for family in (4, 6):
        assert visitor.connect(ALLOWED[family], 443)["reached"]
    assert visitor.asks_for("allowed.example") == [ALLOWED[4]]


def test_it_is_put_right(home, visitor):
    rules = home.rules()
    home.nft("delete table inet ostiary")
    eventually(lambda: home.rules() == rules, "the rules are right")


def test_without_end_it_is_the_end(home, visitor):
    end = time.monotonic() + 10
    while visitor.session.running() and time.monotonic() < end:
        home.nft("flush ruleset")
        time.sleep(0.05)
    assert visitor.session.wait().status == 69
    home.eventually_audited("tampering", response="agent_ended")


def test_looking_is_not_tampering(home, visitor):
    home.nft("list", "ruleset")
    home.admitted()
    assert visitor.asks_for("allowed.example")
    assert home.audit("tampering") == []


def test_other_tables_are_nobodys_business(home, visitor):
    home.nft("-f", "-", stdin="table inet mine {\nchain c {\ntype filter hook output priority 0\naccept\n}\n}\n")
    home.nft("delete table inet mine")
    assert visitor.asks_for("allowed.example")
    assert home.audit("tampering") == []


def test_admissions_of_the_gates_own_are_not_tampering(world, home, visitor, who):
    visitor.opens("allowed.example")
    assert home.audit("tampering") == []
