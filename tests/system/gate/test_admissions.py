"""An address can be reached from its answer until the end of its hold, and not longer."""

import time

import pytest

from support.agent import GATE
from support.behaviours import addresses, host, in_turn
from support.internet import ALLOWED, ANOTHER, UNLISTED
from support.outcomes import assert_refused
from support.waiting import eventually

QUESTIONS, NAMES = 10_000, 1_000


@pytest.fixture(scope="module")
def container(shared_container, who):
    return shared_container()


@pytest.fixture(scope="module")
def agent(container, who, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    return container.start_agent("--allow", "allowed.example", "--allow", "*.changing.example", who=who)


def kind(family):
    return "A" if family == 4 else "AAAA"


def address_of(number, family):
    return f"198.51.{100 + number // 250}.{number % 250 + 1}" if family == 4 else f"2001:db8:aa::{number + 1:x}"


def test_a_host_without_wildcard_is_admitted_before_the_agent_starts(internet, new_container, who):
    internet.upstream.name("allowed.example", host(ALLOWED))
    script = (f"import socket; [socket.create_connection((address, 443), 1).close() "
              f"for address in ({ALLOWED[4]!r}, {ALLOWED[6]!r})]")
    flags = ["--allow", "allowed.example", *(["--user", "agent"] if who == "agent" else [])]
    assert new_container().boot("/usr/bin/python3", "-IS", "-c", script, flags=flags).status == 0


def test_every_connect_right_after_its_answer_succeeds(internet, new_container, who, family):
    """10,000 questions; every second name is denied. The address of each name has changed since
    the boot, so that its first answer needs a new admission. Further answers come from the cache.
    """
    names = [f"n{number}.many{family}-{who}.example" for number in range(NAMES)]
    internet.upstream.everything(addresses(ANOTHER[4], ANOTHER[6], ttl=1))
    container = new_container()
    container.policy({"allow": names})
    agent = container.start_agent(who=who)
    time.sleep(1.1)  # the answers of the boot have expired
    for number, name in enumerate(names):
        internet.upstream.name(name, addresses(address_of(number, family)))
    pairs = []
    for number in range(QUESTIONS // 2):
        pairs += [(names[number % NAMES], address_of(number % NAMES, family)), (f"d{number}.many.example", None)]
    internet.forget()
    wrong = agent.look_up_and_connect(pairs, GATE[family], 443, kind=1 if family == 4 else 28, patience=60)
    assert wrong == []
    assert internet.upstream.names() == set(names)


def test_a_name_whose_address_changes_can_be_reached_at_the_new_address(internet, container, agent, who, family):
    """The old address stays admitted for its hold, for clients that still use it."""
    name = f"moves{family}-{who}.changing.example"
    places = [ALLOWED[family], ANOTHER[family]]
    internet.upstream.name(name, in_turn(*[addresses(place, ttl=1) for place in places]))
    for place in places:
        eventually(lambda: agent.asks_for(name, kind(family)) == [place], f"{name} is at {place}")
        assert agent.connect(place, 443)["reached"]
    assert agent.connect(places[0], 443)["reached"]


# These tests are slow, so each runs both agents at the same time.

@pytest.fixture
def start_both_agents(new_container):
    return lambda *flags: [new_container().start_agent(*flags, who=who) for who in ("agent", "root")]


def each(agents):
    return [(agent, family) for agent in agents for family in (4, 6)]


def test_an_admission_ends_after_its_hold_and_an_open_flow_continues(internet, start_both_agents):
    hold = 2
    internet.upstream.name("short.example", host(ALLOWED, ttl=1))
    agents = start_both_agents("--allow", "short.example", "--hold", str(hold))
    begin = time.monotonic()
    for agent, family in each(agents):
        agent.resolves("short.example", family)
    answered = time.monotonic()
    for agent, family in each(agents):
        agent.open_flow(f"flow{family}", ALLOWED[family], 443)
    while time.monotonic() < begin + hold - 0.3:
        for agent, family in each(agents):
            assert agent.connect(ALLOWED[family], 443)["reached"]
        time.sleep(0.2)
    time.sleep(max(0, answered + hold + 2.3 - time.monotonic()))  # the hold, or the TTL with its margin
    internet.forget()
    for agent, family in each(agents):
        assert_refused(agent.connect(ALLOWED[family], 443), internet)
    for agent, family in each(agents):
        assert agent.use_flow(f"flow{family}")["reached"]


def test_asking_again_renews_an_admission(internet, start_both_agents):
    hold = 1
    internet.upstream.name("short.example", host(ALLOWED, ttl=1))
    agents = start_both_agents("--allow", "short.example", "--hold", str(hold))
    begin = time.monotonic()
    while time.monotonic() < begin + 4 * hold:
        for agent, family in each(agents):
            agent.resolves("short.example", family)
            assert agent.connect(ALLOWED[family], 443)["reached"]
        time.sleep(0.2)


def test_the_address_of_a_cached_answer_can_be_reached(internet, start_both_agents):
    """The TTL is longer than the hold. The address stays admitted while the cache answers with it."""
    internet.upstream.name("long.example", host(ALLOWED, ttl=60))
    agents = start_both_agents("--allow", "long.example", "--hold", "1")
    begin = time.monotonic()
    while time.monotonic() < begin + 3:
        for agent, family in each(agents):
            agent.resolves("long.example", family)
            assert agent.connect(ALLOWED[family], 443)["reached"]
        time.sleep(0.3)


def test_an_address_of_two_names_stays_admitted_for_the_longer_time(internet, start_both_agents):
    internet.upstream.name("one.example", host(ALLOWED, ttl=8))
    internet.upstream.name("two.example", host(ALLOWED, ttl=1))
    agents = start_both_agents("--allow", "one.example", "--allow", "two.example", "--hold", "1")
    for agent, family in each(agents):
        agent.resolves("one.example", family)
        agent.resolves("two.example", family)
    time.sleep(4)
    for agent, family in each(agents):
        assert agent.connect(ALLOWED[family], 443)["reached"]


# These tests are fast.

def test_an_address_of_two_names_has_the_ports_of_both(internet, new_container, who, family):
    internet.upstream.name("one.example", host(ALLOWED))
    internet.upstream.name("two.example", host(ALLOWED))
    agent = new_container().start_agent("--allow", "*.one.example", "--allow", "one.example:80",
                                        "--allow", "two.example:22", who=who)
    agent.resolves("one.example", family)
    agent.resolves("two.example", family)
    assert all(agent.connect(ALLOWED[family], port)["reached"] for port in (80, 22))
    internet.forget()
    assert_refused(agent.connect(ALLOWED[family], 443), internet)


def test_many_addresses_of_one_name_are_all_admitted(internet, container, agent, who, family):
    name = f"wide{family}-{who}.changing.example"
    wide = [address_of(number, family) for number in range(32)]
    internet.upstream.name(name, addresses(*wide))
    found = agent.asks_for(name, kind(family), transport="tcp")
    assert set(found) == set(wide)
    assert all(agent.connect(address, 443)["reached"] for address in found)


def test_other_addresses_of_the_same_network_stay_closed(internet, container, agent, family):
    agent.resolves("allowed.example", family)
    before = container.admitted_addresses()
    assert ALLOWED[family] in before and UNLISTED[family] not in before
    assert_refused(agent.connect(UNLISTED[family], 443), internet)
