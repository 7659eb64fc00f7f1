"""The simulated Internet of these tests, without a gate: packets are seen, recorded and answered.

If one of these tests fails, an attack that "was refused" in another test proves nothing.
"""

import socket

import dns.message
import dns.rcode
import pytest

from support.agent import values
from support.behaviours import addresses, alias, delayed, host
from support.internet import ALLOWED, METADATA, PRIVATE, PUBLIC_RESOLVER, RESOLVER, UNLISTED
from support.misbehaviours import AT_ONCE, LATE
from support.waiting import eventually


@pytest.fixture(scope="module")
def container(shared_container, who):
    return shared_container()


@pytest.fixture(scope="module")
def agent(container, who):
    return container.start_process_without_gate(who)


@pytest.mark.parametrize("place", [ALLOWED, UNLISTED, PRIVATE, METADATA, PUBLIC_RESOLVER],
                         ids=["allowed", "unlisted", "private", "metadata", "public resolver"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_every_address_answers_and_records(internet, container, agent, place, transport, family):
    outcome = agent.connect(place[family], 443, transport)
    assert outcome["reached"], outcome
    assert (container.link.address[family], place[family], 443, transport) in internet.services.visits
    assert any(p.destination == place[family] and p.port == 443 for p in internet.packets())


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("server", [RESOLVER, PUBLIC_RESOLVER], ids=["the resolver", "any resolver"])
def test_a_question_is_answered_wherever_it_is_sent(internet, agent, server, transport, family):
    internet.upstream.name("known.example", host(ALLOWED))
    assert agent.asks_for("known.example", "AAAA", server=server[family], transport=transport) == [ALLOWED[6]]
    [query] = internet.upstream.queries
    assert (query.name, query.type) == ("known.example", "AAAA")
    assert (query.server, query.transport) == (server[family], transport)


def test_a_name_without_a_behaviour_does_not_exist(agent):
    assert agent.asks("unknown.example", server=RESOLVER[4]).rcode() == dns.rcode.NXDOMAIN


def test_the_c_library_resolves_names(internet, agent):
    internet.upstream.name("known.example", host(ALLOWED))
    assert agent.look_up("known.example")["addresses"] == sorted(ALLOWED.values())


def test_aliases_and_delays(internet, agent):
    internet.upstream.name("slow.example", delayed(0.3, alias("a.example", "b.example", to=ALLOWED)))
    reply = agent.asks("slow.example", server=RESOLVER[6])
    assert values(reply) == sorted(["a.example.", "b.example.", ALLOWED[4]])


def test_long_answers_are_truncated_over_udp_and_complete_over_tcp(internet, agent):
    many = [f"198.51.100.{n}" for n in range(1, 200)]
    internet.upstream.name("long.example", addresses(*many))
    assert agent.asks_for("long.example", server=RESOLVER[4]) == []
    assert agent.asks_for("long.example", server=RESOLVER[4], transport="tcp") == sorted(many)


@pytest.mark.parametrize("kind", ["A", "AAAA"])
@pytest.mark.parametrize("what", AT_ONCE)
def test_a_misbehaving_reply_arrives(internet, agent, what, kind):
    internet.upstream.name("lure.example", lambda question: AT_ONCE[what](question, UNLISTED))
    query = dns.message.make_query("lure.example", kind).to_wire()
    outcome = agent.ask(query.hex(), RESOLVER[4])
    assert outcome["reached"] and len(outcome["answer"]) > 24, outcome


@pytest.mark.parametrize("what", [what for what in LATE if what not in ("silence", "an empty datagram")])
def test_a_reply_that_is_not_an_answer_arrives(internet, agent, what):
    internet.upstream.name("lure.example", lambda question: LATE[what](question, UNLISTED))
    assert agent.ask(dns.message.make_query("lure.example", "A").to_wire().hex(), RESOLVER[4])["reached"]


def test_ten_thousand_questions_are_all_seen(internet, agent):
    result = agent.flood("n%d.example", 10_000, RESOLVER[4], patience=30)
    assert result == {"codes": {"3": 10_000}, "unanswered": 0}
    assert len(internet.upstream.queries) == 10_000


def test_other_protocols_are_seen(internet, container, agent, who, family):
    if who == "agent":
        pytest.skip("only root can make raw sockets")
    agent.python(f"""
s = socket.socket(socket.AF_INET{'6' if family == 6 else ''}, socket.SOCK_RAW, 253)
s.sendto(b"x" * 32, ({UNLISTED[family]!r}, 0))""")
    eventually(lambda: any(p.protocol == 253 and p.destination == UNLISTED[family] for p in internet.packets()),
               "the packet is seen")


def test_a_sandbox_can_be_reached_from_outside(internet, container, agent, family):
    agent.listen("service", 7000)
    with internet.network.entered():
        client = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    with client:
        client.settimeout(2)
        client.connect((container.link.address[family], 7000))
        client.sendall(b"hello")
        agent.serve_one("service")
        assert client.recv(10) == b"hello"
    agent.close_flow("service")


def test_two_containers_are_separate(new_container, internet, family):
    one, two = (new_container() for _ in range(2))
    for box in (one, two):
        assert box.start_process_without_gate().connect(ALLOWED[family], 443)["reached"]
    assert {visit.client for visit in internet.services.visits} == {one.link.address[family], two.link.address[family]}
