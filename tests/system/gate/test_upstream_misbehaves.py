"""An upstream resolver that is silent, slow, confused or lying: an honest SERVFAIL, and nothing admitted."""

import os
import time

import dns.message
import dns.rdatatype
import pytest

from support.behaviours import delayed, host, in_turn
from support.misbehaviours import ALL, AT_ONCE, another_id, another_question, silence
from support.visitor import GATE, code, values
from support.waiting import eventually
from support.world import ALLOWED, RESOLVER, SECOND_RESOLVER

PATIENT = 9  # seconds; the gate gives up earlier


@pytest.fixture(scope="module")
def who():
    """The upstream resolver never learns who the agent is: one of them is enough."""
    return "agent"


def lure(number):
    """Addresses of its own for each misbehaviour."""
    return {4: f"203.0.113.{number + 100}", 6: f"2001:db8:bad::{number + 1:x}"}


def name_of(what):
    return f"m{list(ALL).index(what)}.lying.example"


@pytest.fixture(scope="module")
def home(new_gatehouse, world, who):
    for number, (what, misbehave) in enumerate(ALL.items()):
        world.upstream.name(name_of(what), lambda question, m=misbehave, n=number: m(question, lure(n)))
    world.upstream.name("allowed.example", host(ALLOWED))
    return new_gatehouse()


@pytest.fixture(scope="module")
def visitor(home, who):
    return home.visit("--allow", "*.lying.example", "--allow", "allowed.example", "--upstream", RESOLVER[4], who=who)


@pytest.fixture(scope="module")
def replies(visitor):
    """To all of them, asked for at once: by name and type, with the seconds it took."""
    queries = [dns.message.make_query(name_of(what), kind) for what in ALL for kind in ("A", "AAAA")]
    for number, query in enumerate(queries):
        query.id = number
    got = visitor.ask_all([query.to_wire().hex() for query in queries], GATE[4], PATIENT, patience=PATIENT + 5)
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
def test_it_comes_at_once_where_nothing_is_to_be_waited_for(replies, what, kind):
    assert replies[name_of(what), kind][1] < 4


@pytest.mark.parametrize("what", ALL)
def test_nothing_is_admitted(home, replies, what):
    assert not home.admitted_addresses() & set(lure(list(ALL).index(what)).values())


def test_honest_names_go_on_meanwhile(home, visitor, replies):
    assert visitor.asks_for("allowed.example") == [ALLOWED[4]]
    assert home.gate(visitor.session)


def test_it_is_audited(home, replies):
    home.eventually_audited("upstream_failure", name=name_of("silence"))
    home.eventually_audited("upstream_failure", name=name_of("a loop of 64 aliases"))


def test_a_slow_answer_is_waited_for(world, visitor, who):
    world.upstream.name(f"slow-{who}.lying.example", delayed(1, host(ALLOWED)))
    assert visitor.asks_for(f"slow-{who}.lying.example") == [ALLOWED[4]]


def test_a_late_answer_of_another_id_does_not_spoil_the_right_one(world, visitor, who):

    def crowd(question):
        return [*another_id(question, lure(0)), *another_question(question, lure(0)), *host(ALLOWED)(question)]
    world.upstream.name(f"crowd-{who}.lying.example", crowd)
    assert visitor.asks_for(f"crowd-{who}.lying.example") == [ALLOWED[4]]


def test_the_second_resolver_is_asked_where_the_first_is_silent(world, fresh_gatehouse, who, family):
    def only_the_second(question):
        return host(ALLOWED)(question) if question.server == SECOND_RESOLVER[family] else []
    world.upstream.name("allowed.example", only_the_second)
    visitor = fresh_gatehouse().visit("--allow", "allowed.example", "--upstream",
                                    f"{RESOLVER[family]},{SECOND_RESOLVER[family]}", who=who)
    assert visitor.asks_for("allowed.example") == [ALLOWED[4]]
    world.upstream.name("allowed.example", host(ALLOWED))


def test_a_lost_question_is_asked_again(world, visitor, who, family):
    name = f"lost{family}-{who}.lying.example"
    world.upstream.name(name, in_turn(lambda question: [], host(ALLOWED)))
    assert visitor.asks_for(name, "A" if family == 4 else "AAAA") == [ALLOWED[family]]


def test_waiting_for_the_upstream_costs_no_processor_time(home, visitor, world, who):
    world.upstream.name(f"idle-{who}.lying.example", lambda question: [])
    before = processor_time(home.gate(visitor.session))
    assert code(visitor.asks(f"idle-{who}.lying.example")) == "SERVFAIL"
    assert processor_time(home.gate(visitor.session)) - before < 0.1


def processor_time(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("spelling", ["{}", "[{}]:5300"], ids=["IPv6", "another port"])
def test_an_upstream_of_ipv6_or_at_another_port(world, fresh_gatehouse, spelling):
    if "5300" in spelling and not getattr(world, "listens_at_5300", False):
        world.upstream.listen(world.network, 5300)
        world.listens_at_5300 = True
    world.upstream.name("allowed.example", host(ALLOWED))
    visitor = fresh_gatehouse().visit("--allow", "allowed.example", "--upstream", spelling.format(RESOLVER[6]))
    assert visitor.asks_for("allowed.example") == [ALLOWED[4]]
    assert {query.server for query in world.upstream.queries} == {RESOLVER[6]}


def test_an_upstream_that_is_dead_at_boot_is_told_loudly_and_heals(world, fresh_gatehouse, who):
    world.upstream.name("allowed.example", lambda question: silence(question, ALLOWED))
    home = fresh_gatehouse()
    begin = time.monotonic()
    visitor = home.visit("--allow", "allowed.example", "--resolve-timeout", "1", who=who)
    assert time.monotonic() - begin < 4.5  # seconds; five, had the flag no effect
    said = visitor.session.err
    visitor.session._pump(time.monotonic() + 0.05)
    assert b"allowed.example" in said.data and b"warn" in said.data.lower(), said.data
    world.upstream.name("allowed.example", host(ALLOWED))
    eventually(lambda: values(visitor.asks("allowed.example")) == [ALLOWED[4]], "the name resolves")
    assert visitor.connect(ALLOWED[4], 443)["reached"]


def test_nobody_at_all_upstream_is_an_answer_too(fresh_gatehouse, who):
    """A resolver that does not run: its host refuses."""
    visitor = fresh_gatehouse().visit("--allow", "allowed.example", "--upstream", f"{RESOLVER[4]}:5399",
                                    "--resolve-timeout", "1", who=who)
    assert code(visitor.asks("allowed.example")) == "SERVFAIL"
