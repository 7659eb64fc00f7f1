"""The gate does not repeat a question while its cached answer is valid. Counted at the upstream."""

import time

import dns.message
import pytest

from support.agent import GATE, code
from support.behaviours import addresses, delayed, host, no_such_name_for
from support.internet import ALLOWED, UNLISTED
from support.misbehaviours import failing_with
from support.waiting import eventually


@pytest.fixture(scope="module")
def who():
    """The cache is the same for every user, so that one is enough."""
    return "agent"


@pytest.fixture(scope="module")
def container(shared_container, who):
    return shared_container()


@pytest.fixture(scope="module")
def agent(container, who):
    return container.start_agent("--allow", "*.cached.example", who=who)


@pytest.fixture
def name(request, who):
    label = "".join(c if c.isalnum() else "-" for c in request.node.name.lower())[5:60].strip("-")
    return f"{label}.cached.example"


@pytest.mark.parametrize("kind", ["A", "AAAA"])
def test_an_answer_is_fetched_once(internet, agent, name, kind):
    internet.upstream.name(name, host(ALLOWED, ttl=60))
    for transport in ("udp", "tcp", "udp"):
        assert agent.asks_for(name, kind, transport=transport)
    assert len(internet.upstream.asked(name, kind)) == 1


def test_it_is_fetched_again_when_its_ttl_is_over(internet, agent, name):
    internet.upstream.name(name, host(ALLOWED, ttl=2))
    agent.asks_for(name)
    begin = time.monotonic()
    while time.monotonic() < begin + 1.5:
        agent.asks_for(name)
    assert len(internet.upstream.asked(name)) == 1
    eventually(lambda: agent.asks_for(name) and len(internet.upstream.asked(name)) == 2, "it is asked for again")


@pytest.mark.parametrize("ttl", [60, 3599, 3600, 86400], ids=lambda ttl: f"{ttl} s")
def test_an_address_is_admitted_once_per_ttl(internet, container, agent, name, ttl):
    """The TTL is shorter than the hold, about as long, and longer."""
    internet.upstream.name(name, host(ALLOWED, ttl=ttl))
    for _ in range(20):
        agent.asks_for(name)
        time.sleep(0.02)
    assert len(container.eventually_audited("admit", name=name)) == 1


def test_the_ttl_counts_down(internet, agent, name):
    internet.upstream.name(name, host(ALLOWED, ttl=50))
    ttl = lambda: agent.asks(name).answer[0].ttl
    first = ttl()
    assert 49 <= first <= 50
    eventually(lambda: ttl() < first, "the TTL is lower")


def test_nxdomain_is_cached(internet, agent, name):
    internet.upstream.name(name, no_such_name_for(30))
    assert [code(agent.asks(name)) for _ in range(3)] == ["NXDOMAIN"] * 3
    assert len(internet.upstream.asked(name)) == 1


def test_no_data_is_cached(internet, agent, name):
    internet.upstream.name(name, addresses(ALLOWED[4]))
    for _ in range(3):
        reply = agent.asks(name, "AAAA")
        assert code(reply) == "NOERROR" and not reply.answer
    assert len(internet.upstream.asked(name, "AAAA")) == 1


def test_nxdomain_is_cached_for_its_ttl_only(internet, agent, name):
    internet.upstream.name(name, no_such_name_for(1))
    assert code(agent.asks(name)) == "NXDOMAIN"
    internet.upstream.name(name, host(ALLOWED))
    eventually(lambda: agent.asks_for(name) == [ALLOWED[4]], "the name has come to exist")


def test_a_failure_is_cached_only_briefly(internet, agent, name):
    internet.upstream.name(name, lambda question: failing_with(2)(question, UNLISTED))
    assert code(agent.asks(name)) == "SERVFAIL"
    internet.upstream.name(name, host(ALLOWED))
    eventually(lambda: agent.asks_for(name) == [ALLOWED[4]], "the upstream has recovered")


def test_letter_case_does_not_matter(internet, agent, name):
    internet.upstream.name(name, host(ALLOWED))
    for spelling in (name, name.upper(), name.title()):
        reply = agent.asks(spelling)
        assert reply.answer and reply.question[0].name.to_text() == spelling + "."
    assert len(internet.upstream.asked(name)) == 1


def test_many_questions_at_once_cost_one_question(internet, agent, name):
    internet.upstream.name(name, delayed(0.2, host(ALLOWED)))
    messages = [dns.message.make_query(name, "A").to_wire().hex() for _ in range(20)]
    replies = agent.ask_all(messages, GATE[4], 3)
    assert len(replies) == 20
    assert len(internet.upstream.asked(name)) == 1
