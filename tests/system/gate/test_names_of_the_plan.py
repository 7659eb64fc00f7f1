"""A name of the plan that does not open: the boot says why, and what to write instead."""

import dns.rcode
import pytest

from support.behaviours import addresses, host, no_such_name, pack, reply_to, silence_for_ever
from support.visitor import code, explanation
from support.world import ALLOWED, RESOLVER


def refusing(question):
    return pack(reply_to(question, dns.rcode.REFUSED), question)


def warned(home, name, *flags, status=0):
    """The one line about the name."""
    result = home.boot("true", flags=["--upstream", RESOLVER[4], "--resolve-timeout", "1", *flags])
    assert result.status == status, result
    [line] = [line for line in result.stderr.splitlines() if f" {name} " in line and '"event"' not in line]
    return line.removeprefix("ostiary: ").removeprefix("warning: ").removeprefix("error: ")


@pytest.fixture
def home(world, fresh_gatehouse):
    world.upstream.name("inside.example", addresses("10.9.9.9", "10.9.9.8", "fd77::9"))
    world.upstream.name("refused.example", refusing)
    world.upstream.name("silent.example", silence_for_ever)
    world.upstream.name("missing.example", no_such_name)
    world.upstream.name("empty.example", addresses())
    return fresh_gatehouse()


def test_private_addresses_are_named_with_the_rule_that_would_open_them(home):
    line = warned(home, "inside.example", "--allow", "inside.example")
    assert "has private addresses only (" in line and "10.9.9.9" in line and "fd77::9" in line, line
    assert 'write {"host": "inside.example", "private": true}' in line and "later" not in line, line


@pytest.mark.parametrize("name, why", [
    ("refused.example", "did not resolve ({server}: REFUSED)"),
    ("silent.example", "did not resolve ({server}: no answer within 1 s)"),
    ("missing.example", "does not exist ({server}: NXDOMAIN)"),
    ("empty.example", "has no address ({server}: NODATA)"),
], ids=lambda value: value.partition(".")[0])
def test_a_name_without_an_address_is_told_with_the_server_and_its_answer(home, name, why):
    why = why.format(server=f"{RESOLVER[4]}:53")
    assert warned(home, name, "--allow", name) == f"{name} {why}: it stays allowed for later"


def test_a_required_name_is_told_the_same(home):
    home.policy({"allow": [{"host": "refused.example", "required": True}]})
    assert warned(home, "refused.example", status=69).startswith("refused.example did not resolve (")


def test_without_a_network_one_line_says_so_instead_of_each_name(world, fresh_gatehouse):
    home = fresh_gatehouse(families=())
    home.write("/etc/resolv.conf", f"nameserver {RESOLVER[4]}\n")
    result = home.boot("true", flags=["--allow", "one.example,two.example"])
    assert result.status == 0, result
    assert result.stderr.count("no route leads out of this network, so no name can be used") == 1, result
    assert "later" not in result.stderr and "one.example" not in result.stderr, result


def test_without_a_network_each_lookup_fails_and_is_audited(world, fresh_gatehouse):
    home = fresh_gatehouse(families=())
    home.write("/etc/resolv.conf", f"nameserver {RESOLVER[4]}\n")
    visitor = home.visit("--allow", "one.example")
    reply = visitor.asks("one.example")
    assert code(reply) == "SERVFAIL" and "no route leads out" in explanation(reply)[1]
    home.eventually_audited("upstream_failure", name="one.example", why="no route leads out of this network")


def test_at_debug_level_each_address_of_a_name_is_told_and_which_server_is_asked(world, fresh_gatehouse):
    world.upstream.name("allowed.example", host(ALLOWED))
    result = fresh_gatehouse().boot("true", flags=["--allow", "allowed.example", "--log-level", "debug"])
    for words in (f"allowed.example is at {ALLOWED[4]}", f"allowed.example is at {ALLOWED[6]}",
                  f"asks {RESOLVER[4]}:53"):
        assert words in result.stderr, result
