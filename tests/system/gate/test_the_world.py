"""The world these tests are played in, without a gate: what gets out is seen, recorded and answered.

If one of these fails, an attack that "was refused" elsewhere proves nothing.
"""

import socket

import dns.message
import dns.rcode
import pytest

from support.behaviours import addresses, alias, delayed, host
from support.misbehaviours import AT_ONCE, LATE
from support.visitor import values
from support.waiting import eventually
from support.world import ALLOWED, METADATA, PRIVATE, PUBLIC_RESOLVER, RESOLVER, UNLISTED


@pytest.fixture(scope="module")
def home(new_gatehouse, who):
    return new_gatehouse()


@pytest.fixture(scope="module")
def visitor(home, who):
    return home.visit_without_gate(who)


@pytest.mark.parametrize("place", [ALLOWED, UNLISTED, PRIVATE, METADATA, PUBLIC_RESOLVER],
                         ids=["allowed", "unlisted", "private", "metadata", "public resolver"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_every_address_answers_and_remembers(world, home, visitor, place, transport, family):
    outcome = visitor.connect(place[family], 443, transport)
    assert outcome["reached"], outcome
    assert (home.cable.address[family], place[family], 443, transport) in world.services.visits
    assert any(p.destination == place[family] and p.port == 443 for p in world.packets())


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("server", [RESOLVER, PUBLIC_RESOLVER], ids=["the resolver", "any resolver"])
def test_a_question_is_answered_wherever_it_is_sent(world, visitor, server, transport, family):
    world.upstream.name("known.example", host(ALLOWED))
    assert visitor.asks_for("known.example", "AAAA", server=server[family], transport=transport) == [ALLOWED[6]]
    [query] = world.upstream.queries
    assert (query.name, query.type) == ("known.example", "AAAA")
    assert (query.server, query.transport) == (server[family], transport)


def test_a_name_nobody_taught_does_not_exist(visitor):
    assert visitor.asks("unknown.example", server=RESOLVER[4]).rcode() == dns.rcode.NXDOMAIN


def test_the_c_library_finds_its_way(world, visitor):
    world.upstream.name("known.example", host(ALLOWED))
    assert visitor.look_up("known.example")["addresses"] == sorted(ALLOWED.values())


def test_aliases_and_delays(world, visitor):
    world.upstream.name("slow.example", delayed(0.3, alias("a.example", "b.example", to=ALLOWED)))
    reply = visitor.asks("slow.example", server=RESOLVER[6])
    assert values(reply) == sorted(["a.example.", "b.example.", ALLOWED[4]])


def test_long_answers_are_truncated_and_whole_over_tcp(world, visitor):
    many = [f"198.51.100.{n}" for n in range(1, 200)]
    world.upstream.name("long.example", addresses(*many))
    assert visitor.asks_for("long.example", server=RESOLVER[4]) == []
    assert visitor.asks_for("long.example", server=RESOLVER[4], transport="tcp") == sorted(many)


@pytest.mark.parametrize("kind", ["A", "AAAA"])
@pytest.mark.parametrize("what", AT_ONCE)
def test_misbehaviour_arrives(world, visitor, what, kind):
    world.upstream.name("lure.example", lambda question: AT_ONCE[what](question, UNLISTED))
    query = dns.message.make_query("lure.example", kind).to_wire()
    outcome = visitor.ask(query.hex(), RESOLVER[4])
    assert outcome["reached"] and len(outcome["answer"]) > 24, outcome


@pytest.mark.parametrize("what", [what for what in LATE if what not in ("silence", "an empty datagram")])
def test_what_is_no_answer_arrives_as_well(world, visitor, what):
    world.upstream.name("lure.example", lambda question: LATE[what](question, UNLISTED))
    assert visitor.ask(dns.message.make_query("lure.example", "A").to_wire().hex(), RESOLVER[4])["reached"]


def test_ten_thousand_questions_are_all_seen(world, visitor):
    result = visitor.flood("n%d.example", 10_000, RESOLVER[4], patience=30)
    assert result == {"codes": {"3": 10_000}, "unanswered": 0}
    assert len(world.upstream.queries) == 10_000


def test_other_protocols_are_seen(world, home, visitor, who, family):
    if who == "agent":
        pytest.skip("raw sockets are root's")
    visitor.python(f"""
s = socket.socket(socket.AF_INET{'6' if family == 6 else ''}, socket.SOCK_RAW, 253)
s.sendto(b"x" * 32, ({UNLISTED[family]!r}, 0))""")
    eventually(lambda: any(p.protocol == 253 and p.destination == UNLISTED[family] for p in world.packets()),
               "the packet is seen")


def test_a_sandbox_can_be_reached_from_outside(world, home, visitor, family):
    visitor.listen("service", 7000)
    with world.network.entered():
        client = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    with client:
        client.settimeout(2)
        client.connect((home.cable.address[family], 7000))
        client.sendall(b"hello")
        visitor.serve_one("service")
        assert client.recv(10) == b"hello"
    visitor.close_flow("service")


def test_two_gatehouses_are_two(fresh_gatehouse, world, family):
    one, two = (fresh_gatehouse() for _ in range(2))
    for box in (one, two):
        assert box.visit_without_gate().connect(ALLOWED[family], 443)["reached"]
    assert {visit.visitor for visit in world.services.visits} == {one.cable.address[family], two.cable.address[family]}
