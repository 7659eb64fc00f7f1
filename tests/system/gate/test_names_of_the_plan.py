"""A name of the plan that cannot be admitted: the boot says why, and what to write instead."""

import dns.rcode
import pytest

from support.agent import code, explanation
from support.behaviours import addresses, host, no_such_name, pack, reply_to, silence_for_ever
from support.internet import ALLOWED, RESOLVER


def refusing(question):
    return pack(reply_to(question, dns.rcode.REFUSED), question)


def warned(container, name, *flags, status=0):
    """The only line about the name."""
    result = container.boot("true", flags=["--upstream", RESOLVER[4], "--resolve-timeout", "1", *flags])
    assert result.status == status, result
    [line] = [line for line in result.stderr.splitlines() if f" {name} " in line and '"event"' not in line]
    return line.removeprefix("ostiary: ").removeprefix("warning: ").removeprefix("error: ")


@pytest.fixture
def container(internet, new_container):
    internet.upstream.name("inside.example", addresses("10.9.9.9", "10.9.9.8", "fd77::9"))
    internet.upstream.name("refused.example", refusing)
    internet.upstream.name("silent.example", silence_for_ever)
    internet.upstream.name("missing.example", no_such_name)
    internet.upstream.name("empty.example", addresses())
    return new_container()


def test_for_private_addresses_the_line_shows_the_rule_that_would_allow_them(container):
    line = warned(container, "inside.example", "--allow", "inside.example")
    assert "has private addresses only (" in line and "10.9.9.9" in line and "fd77::9" in line, line
    assert 'write {"host": "inside.example", "private": true}' in line and "later" not in line, line


@pytest.mark.parametrize("name, why", [
    ("refused.example", "did not resolve ({server}: REFUSED)"),
    ("silent.example", "did not resolve ({server}: no answer within 1 s)"),
    ("missing.example", "does not exist ({server}: NXDOMAIN)"),
    ("empty.example", "has no address ({server}: NODATA)"),
], ids=lambda value: value.partition(".")[0])
def test_for_a_name_without_an_address_the_line_shows_the_server_and_its_answer(container, name, why):
    why = why.format(server=f"{RESOLVER[4]}:53")
    assert warned(container, name, "--allow", name) == f"{name} {why}: it stays allowed for later"


def test_for_a_required_name_the_error_shows_the_same(container):
    container.policy({"allow": [{"host": "refused.example", "required": True}]})
    assert warned(container, "refused.example", status=69).startswith("refused.example did not resolve (")


def test_without_a_network_one_line_says_so_instead_of_one_per_name(internet, new_container):
    container = new_container(families=())
    container.write("/etc/resolv.conf", f"nameserver {RESOLVER[4]}\n")
    result = container.boot("true", flags=["--allow", "one.example,two.example"])
    assert result.status == 0, result
    assert result.stderr.count("no route leads out of this network, so no name can be used") == 1, result
    assert "later" not in result.stderr and "one.example" not in result.stderr, result


def test_without_a_network_each_lookup_fails_and_is_audited(internet, new_container):
    container = new_container(families=())
    container.write("/etc/resolv.conf", f"nameserver {RESOLVER[4]}\n")
    agent = container.start_agent("--allow", "one.example")
    reply = agent.asks("one.example")
    assert code(reply) == "SERVFAIL" and "no route leads out" in explanation(reply)[1]
    container.eventually_audited("upstream_failure", name="one.example", why="no route leads out of this network")


def test_at_debug_level_the_log_shows_each_address_and_the_server(internet, new_container):
    internet.upstream.name("allowed.example", host(ALLOWED))
    result = new_container().boot("true", flags=["--allow", "allowed.example", "--log-level", "debug"])
    for words in (f"allowed.example is at {ALLOWED[4]}", f"allowed.example is at {ALLOWED[6]}",
                  f"asks {RESOLVER[4]}:53"):
        assert words in result.stderr, result
