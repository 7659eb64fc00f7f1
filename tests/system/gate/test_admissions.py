"""An address is open from the answer on, for its hold, and not after."""

import time

import pytest

from support.behaviours import addresses, host, in_turn
from support.outcomes import assert_refused
from support.agent import GATE
from support.waiting import eventually
from support.internet import ALLOWED, ANOTHER, UNLISTED

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


def test_a_plain_host_is_admitted_before_the_agent_starts(internet, new_container, who):
    internet.upstream.name("allowed.example", host(ALLOWED))
    script = (f"import socket; [socket.create_connection((address, 443), 1).close() "
              f"for address in ({ALLOWED[4]!r}, {ALLOWED[6]!r})]")
    flags = ["--allow", "allowed.example", *(["--user", "agent"] if who == "agent" else [])]
    assert new_container().boot("/usr/bin/python3", "-IS", "-c", script, flags=flags).status == 0


def test_every_connect_right_after_its_answer_succeeds(internet, new_container, who, family):
    """10,000 questions, every other one denied. Each name has moved since the boot, so that its first answer comes with
    a new admission, and its others from the cache."""
    names = [f"n{number}.many{family}-{who}.example" for number in range(NAMES)]
    internet.upstream.everything(addresses(ANOTHER[4], ANOTHER[6], ttl=1))
    container = new_container()
    container.policy({"allow": names})
    agent = container.start_agent(who=who)
    time.sleep(1.1)  # what the boot learnt has expired
    for number, name in enumerate(names):
        internet.upstream.name(name, addresses(address_of(number, family)))
    pairs = []
    for number in range(QUESTIONS // 2):
        pairs += [(names[number % NAMES], address_of(number % NAMES, family)), (f"d{number}.many.example", None)]
    internet.forget()
    wrong = agent.look_up_and_connect(pairs, GATE[family], 443, kind=1 if family == 4 else 28, patience=60)
    assert wrong == []
    assert internet.upstream.names() == set(names)


def test_a_name_whose_address_changes_is_reached_at_its_new_one(internet, container, agent, who, family):
    """And at the old one for its hold: an open client may go on using it."""
    name = f"moves{family}-{who}.changing.example"
    places = [ALLOWED[family], ANOTHER[family]]
    internet.upstream.name(name, in_turn(*[addresses(place, ttl=1) for place in places]))
    for place in places:
        eventually(lambda: agent.asks_for(name, kind(family)) == [place], f"{name} is at {place}")
        assert agent.connect(place, 443)["reached"]
    assert agent.connect(places[0], 443)["reached"]


# These take their time, so both agents take it at once.

@pytest.fixture
def visit_as_both(new_container):
    return lambda *flags: [new_container().start_agent(*flags, who=who) for who in ("agent", "root")]


def each(visitors):
    return [(agent, family) for agent in visitors for family in (4, 6)]


def test_an_admission_is_for_the_hold_and_a_flow_outlives_it(internet, visit_as_both):
    hold = 2
    internet.upstream.name("short.example", host(ALLOWED, ttl=1))
    visitors = visit_as_both("--allow", "short.example", "--hold", str(hold))
    begin = time.monotonic()
    for agent, family in each(visitors):
        agent.resolves("short.example", family)
    answered = time.monotonic()
    for agent, family in each(visitors):
        agent.open_flow(f"flow{family}", ALLOWED[family], 443)
    while time.monotonic() < begin + hold - 0.3:
        for agent, family in each(visitors):
            assert agent.connect(ALLOWED[family], 443)["reached"]
        time.sleep(0.2)
    time.sleep(max(0, answered + hold + 2.3 - time.monotonic()))  # the hold, or the TTL with the margin to it
    internet.forget()
    for agent, family in each(visitors):
        assert_refused(agent.connect(ALLOWED[family], 443), internet)
    for agent, family in each(visitors):
        assert agent.use_flow(f"flow{family}")["reached"]


def test_asking_again_renews_an_admission(internet, visit_as_both):
    hold = 1
    internet.upstream.name("short.example", host(ALLOWED, ttl=1))
    visitors = visit_as_both("--allow", "short.example", "--hold", str(hold))
    begin = time.monotonic()
    while time.monotonic() < begin + 4 * hold:
        for agent, family in each(visitors):
            agent.resolves("short.example", family)
            assert agent.connect(ALLOWED[family], 443)["reached"]
        time.sleep(0.2)


def test_a_cached_answer_is_as_good_as_a_new_one(internet, visit_as_both):
    """The answer lives longer than the hold: what it names stays open as long as it is told."""
    internet.upstream.name("long.example", host(ALLOWED, ttl=60))
    visitors = visit_as_both("--allow", "long.example", "--hold", "1")
    begin = time.monotonic()
    while time.monotonic() < begin + 3:
        for agent, family in each(visitors):
            agent.resolves("long.example", family)
            assert agent.connect(ALLOWED[family], 443)["reached"]
        time.sleep(0.3)


def test_an_address_of_two_names_stays_as_long_as_either_needs(internet, visit_as_both):
    internet.upstream.name("one.example", host(ALLOWED, ttl=8))
    internet.upstream.name("two.example", host(ALLOWED, ttl=1))
    visitors = visit_as_both("--allow", "one.example", "--allow", "two.example", "--hold", "1")
    for agent, family in each(visitors):
        agent.resolves("one.example", family)
        agent.resolves("two.example", family)
    time.sleep(4)
    for agent, family in each(visitors):
        assert agent.connect(ALLOWED[family], 443)["reached"]


# And these do not.

def test_ports_of_two_names_at_one_address_add_up(internet, new_container, who, family):
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


def test_what_no_answer_named_stays_closed(internet, container, agent, family):
    """The rest of the network of an admitted address."""
    agent.resolves("allowed.example", family)
    before = container.admitted_addresses()
    assert ALLOWED[family] in before and UNLISTED[family] not in before
    assert_refused(agent.connect(UNLISTED[family], 443), internet)
