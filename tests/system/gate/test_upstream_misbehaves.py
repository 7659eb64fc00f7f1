"""An upstream that is silent, slow, wrong or lying: the agent gets SERVFAIL, and nothing is
admitted."""

import os
import time

import dns.message
import dns.rdatatype
import pytest

from support.agent import GATE, code, values
from support.behaviours import delayed, host, in_turn
from support.internet import ALLOWED, RESOLVER, SECOND_RESOLVER
from support.misbehaviours import ALL, AT_ONCE, another_id, another_question, silence
from support.waiting import eventually

PATIENT = 9  # seconds; longer than the gate's own timeout


@pytest.fixture(scope="module")
def who():
    """The upstream does not learn the agent's user, so that one is enough."""
    return "agent"


def lure(number):
    """Different addresses for each misbehaviour."""
    return {4: f"203.0.113.{number + 100}", 6: f"2001:db8:bad::{number + 1:x}"}


def name_of(what):
    return f"m{list(ALL).index(what)}.lying.example"


@pytest.fixture(scope="module")
def container(shared_container, internet, who):
    for number, (what, misbehave) in enumerate(ALL.items()):
        internet.upstream.name(name_of(what), lambda question, m=misbehave, n=number: m(question, lure(n)))
    internet.upstream.name("allowed.example", host(ALLOWED))
    return shared_container()


@pytest.fixture(scope="module")
def agent(container, who):
    return container.start_agent("--allow", "*.lying.example", "--allow", "allowed.example", "--upstream", RESOLVER[4], who=who)


@pytest.fixture(scope="module")
def replies(agent):
    """The replies to questions for all names, asked at once: by name and type, with the seconds
    each took."""
    queries = [dns.message.make_query(name_of(what), kind) for what in ALL for kind in ("A", "AAAA")]
    for number, query in enumerate(queries):
        query.id = number
    got = agent.ask_all([query.to_wire().hex() for query in queries], GATE[4], PATIENT, patience=PATIENT + 5)
    found = {}
    for octets, seconds in got:
        reply = dns.message.from_wire(bytes.fromhex(octets))
        asked = reply.question[0]
        found[asked.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(asked.rdtype)] = reply, seconds
    return found


@pytest.mark.parametrize("kind", ["A", "AAAA"])
@pytest.mark.parametrize("what", ALL)
def test_the_answer_is_servfail(replies, what, kind):
    reply, _ = replies[name_of(what), kind]
    assert code(reply) == "SERVFAIL" and not reply.answer and not reply.additional


@pytest.mark.parametrize("kind", ["A", "AAAA"])
@pytest.mark.parametrize("what", AT_ONCE)
def test_the_answer_comes_at_once_if_the_upstream_has_answered(replies, what, kind):
    assert replies[name_of(what), kind][1] < 4


@pytest.mark.parametrize("what", ALL)
def test_nothing_is_admitted(container, replies, what):
    assert not container.admitted_addresses() & set(lure(list(ALL).index(what)).values())


def test_other_names_are_answered_meanwhile(container, agent, replies):
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]
    assert container.gate(agent.session)


def test_the_failure_is_audited(container, replies):
    container.eventually_audited("upstream_failure", name=name_of("silence"))
    container.eventually_audited("upstream_failure", name=name_of("a loop of 64 aliases"))


def test_the_gate_waits_for_a_slow_answer(internet, agent, who):
    internet.upstream.name(f"slow-{who}.lying.example", delayed(1, host(ALLOWED)))
    assert agent.asks_for(f"slow-{who}.lying.example") == [ALLOWED[4]]


def test_a_reply_with_another_id_does_not_affect_the_right_one(internet, agent, who):

    def crowd(question):
        return [*another_id(question, lure(0)), *another_question(question, lure(0)), *host(ALLOWED)(question)]
    internet.upstream.name(f"crowd-{who}.lying.example", crowd)
    assert agent.asks_for(f"crowd-{who}.lying.example") == [ALLOWED[4]]


def test_the_second_resolver_is_asked_if_the_first_is_silent(internet, new_container, who, family):
    def only_the_second(question):
        return host(ALLOWED)(question) if question.server == SECOND_RESOLVER[family] else []
    internet.upstream.name("allowed.example", only_the_second)
    agent = new_container().start_agent("--allow", "allowed.example", "--upstream",
                                        f"{RESOLVER[family]},{SECOND_RESOLVER[family]}", who=who)
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]
    internet.upstream.name("allowed.example", host(ALLOWED))


def test_a_lost_question_is_asked_again(internet, agent, who, family):
    name = f"lost{family}-{who}.lying.example"
    internet.upstream.name(name, in_turn(lambda question: [], host(ALLOWED)))
    assert agent.asks_for(name, "A" if family == 4 else "AAAA") == [ALLOWED[family]]


def test_waiting_for_the_upstream_costs_no_processor_time(container, agent, internet, who):
    internet.upstream.name(f"idle-{who}.lying.example", lambda question: [])
    before = processor_time(container.gate(agent.session))
    assert code(agent.asks(f"idle-{who}.lying.example")) == "SERVFAIL"
    assert processor_time(container.gate(agent.session)) - before < 0.1


def processor_time(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("spelling", ["{}", "[{}]:5300"], ids=["IPv6", "another port"])
def test_an_upstream_may_have_an_ipv6_address_or_another_port(internet, new_container, spelling):
    if "5300" in spelling:
        internet.upstream.listen(internet.network, 5300)
    internet.upstream.name("allowed.example", host(ALLOWED))
    agent = new_container().start_agent("--allow", "allowed.example", "--upstream", spelling.format(RESOLVER[6]))
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]
    assert {query.server for query in internet.upstream.queries} == {RESOLVER[6]}


def test_an_upstream_that_is_silent_at_boot_gives_a_warning_and_works_later(internet, new_container, who):
    internet.upstream.name("allowed.example", lambda question: silence(question, ALLOWED))
    container = new_container()
    begin = time.monotonic()
    agent = container.start_agent("--allow", "allowed.example", "--resolve-timeout", "1", who=who)
    assert time.monotonic() - begin < 4.5  # seconds; five if the flag had no effect
    said = agent.session.err
    agent.session._pump(time.monotonic() + 0.05)
    assert b"allowed.example" in said.data and b"warn" in said.data.lower(), said.data
    internet.upstream.name("allowed.example", host(ALLOWED))
    eventually(lambda: values(agent.asks("allowed.example")) == [ALLOWED[4]], "the name resolves")
    assert agent.connect(ALLOWED[4], 443)["reached"]


def test_an_upstream_that_does_not_run_gives_servfail(new_container, who):
    """Its host refuses the question."""
    agent = new_container().start_agent("--allow", "allowed.example", "--upstream", f"{RESOLVER[4]}:5399",
                                        "--resolve-timeout", "1", who=who)
    assert code(agent.asks("allowed.example")) == "SERVFAIL"
