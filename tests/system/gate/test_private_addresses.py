"""An allowed name that resolves to a metadata service, a neighbour, or the machine itself."""

import pytest

from support.agent import code, explanation
from support.behaviours import addresses, alias, in_turn
from support.internet import ALLOWED, METADATA, PRIVATE
from support.outcomes import assert_refused
from support.waiting import eventually

INSIDE = {
    "link-local metadata": "169.254.169.254", "container metadata": "169.254.170.2", "link-local": "169.254.1.1",
    "10/8": "10.1.2.3", "172.16/12": "172.16.5.4", "192.168/16": "192.168.1.1", "carrier NAT": "100.64.1.1",
    "Alibaba's metadata": "100.100.100.200", "loopback": "127.0.0.1", "Docker's resolver": "127.0.0.11",
    "nowhere": "0.0.0.0", "this network": "0.1.2.3", "multicast": "224.0.0.251", "broadcast": "255.255.255.255",
    "benchmarks": "198.18.0.1", "reserved": "240.0.0.1",
    "loopback, IPv6": "::1", "nowhere, IPv6": "::", "unique local": "fd12:3456::3", "Fly's network": "fdaa::3",
    "metadata, IPv6": "fd00:ec2::254", "link-local, IPv6": "fe80::1", "site-local": "fec0::1",
    "multicast, IPv6": "ff02::1", "mapped loopback": "::ffff:127.0.0.1", "mapped private": "::ffff:10.1.2.3",
    "mapped public": "::ffff:198.51.100.10", "compatible": "::10.1.2.3", "NAT64 of metadata": "64:ff9b::a9fe:a9fe",
    "NAT64 of private": "64:ff9b::a01:203", "6to4 of private": "2002:a01:203::1",
}

BLOCKED = 15  # RFC 8914
NEXT_DOOR = {4: "10.77.0.3", 6: "fd77::3"}  # a rule allows this private address


@pytest.fixture(scope="module")
def container(shared_container, internet, who):
    for number, address in enumerate(INSIDE.values()):
        internet.upstream.name(f"inside{number}.allowed.example", addresses(address))
        public = ALLOWED[6 if ":" in address else 4]
        internet.upstream.name(f"mixed{number}.allowed.example", addresses(address, public))
        where = {6: address} if ":" in address else {4: address}
        internet.upstream.name(f"alias{number}.allowed.example", alias("other.example", to=where))
    internet.upstream.name("private.example", addresses(*NEXT_DOOR.values()))
    return shared_container()


@pytest.fixture(scope="module")
def agent(container, who):
    container.policy({"allow": [{"host": "*.allowed.example"},
                                {"host": "private.example", "private": True, "ports": [443]}]})
    return container.start_agent(who=who)


def number_of(what):
    return list(INSIDE).index(what)


def kind_of(what):
    return "AAAA" if ":" in INSIDE[what] else "A"


@pytest.mark.parametrize("what", INSIDE)
def test_a_private_address_is_neither_answered_nor_admitted(container, agent, what):
    reply = agent.asks(f"inside{number_of(what)}.allowed.example", kind_of(what))
    assert code(reply) == "NOERROR" and not reply.answer and not reply.additional
    assert INSIDE[what] not in container.admitted_addresses()


@pytest.mark.parametrize("what", INSIDE)
def test_a_private_address_behind_an_alias_is_not_answered(container, agent, what):
    reply = agent.asks(f"alias{number_of(what)}.allowed.example", kind_of(what))
    assert not reply.answer and not reply.additional
    assert INSIDE[what] not in container.admitted_addresses()


@pytest.mark.parametrize("what", INSIDE)
def test_only_the_public_addresses_of_a_name_are_answered(container, agent, what):
    found = agent.asks_for(f"mixed{number_of(what)}.allowed.example", kind_of(what))
    assert found == [ALLOWED[6 if kind_of(what) == "AAAA" else 4]]
    assert INSIDE[what] not in container.admitted_addresses()


@pytest.mark.parametrize("place", [METADATA, PRIVATE], ids=["metadata", "private"])
def test_a_private_address_cannot_be_reached_after_the_question(internet, agent, place, family):
    name = f"now{family}{place[4].replace('.', '-')}.allowed.example"
    internet.upstream.name(name, addresses(*place.values()))
    agent.asks(name, "A" if family == 4 else "AAAA")
    internet.forget()
    assert_refused(agent.connect(place[family], 443), internet)


def test_a_private_address_is_audited_as_rebinding(internet, container, agent, who):
    internet.upstream.name(f"rebound-{who}.allowed.example", addresses("169.254.169.254"))
    agent.asks(f"rebound-{who}.allowed.example")
    container.eventually_audited("deny", name=f"rebound-{who}.allowed.example", type="A", why="rebinding")


def test_each_question_with_a_private_address_is_audited(internet, container, agent, who):
    """Also an answer from the cache."""
    name = f"often-{who}.allowed.example"
    internet.upstream.name(name, addresses("10.1.2.3", ttl=300))
    for _ in range(3):
        agent.asks(name)
    eventually(lambda: sum(event["count"] for event in container.audit("deny", name=name, why="rebinding")) == 3,
               "three denials are told")
    assert len(internet.upstream.asked(name, "A")) == 1


def test_the_empty_answer_contains_the_reason(internet, agent, who):
    name = f"explained-{who}.allowed.example"
    internet.upstream.name(name, addresses("10.1.2.3", ttl=300))
    for _ in range(2):
        code_of_error, text = explanation(agent.asks(name))
        assert code_of_error == BLOCKED and "private addresses only" in text


def test_names_that_the_boot_resolves_are_audited_as_the_boots(internet, new_container, who):
    """Otherwise the agent's lookups of the name could not be told apart."""
    internet.upstream.name("inside.example", addresses("10.1.2.3", ttl=300))
    container = new_container()
    agent = container.start_agent("--allow", "inside.example", who=who)
    assert {event["by"] for event in container.audit("deny", name="inside.example")} == {"boot"}
    agent.asks("inside.example")
    eventually(lambda: [event for event in container.audit("deny", name="inside.example") if "by" not in event],
               "the agent's lookup is told")


def test_a_rule_with_private_allows_a_private_address(internet, agent, family):
    assert agent.resolves("private.example", family) == [NEXT_DOOR[family]]
    assert agent.connect(NEXT_DOOR[family], 443)["reached"]
    internet.forget()
    assert_refused(agent.connect(NEXT_DOOR[family], 80), internet)


def test_a_name_that_changes_to_a_private_address_is_denied(internet, container, agent, who):
    """DNS rebinding, with the shortest TTL."""
    name = f"turns-{who}.allowed.example"
    internet.upstream.name(name, in_turn(addresses(ALLOWED[4], ttl=1), addresses("10.1.2.3", ttl=1)))
    assert agent.asks_for(name) == [ALLOWED[4]]
    eventually(lambda: agent.asks_for(name) == [], "the name leads inside")
    assert "10.1.2.3" not in container.admitted_addresses()
