"""DNS over TCP: several questions per connection, in pieces of any size, with a time limit."""

import os
import struct

import dns.message
import pytest

from support.agent import GATE, values
from support.behaviours import addresses, delayed
from support.internet import ALLOWED, PUBLIC_RESOLVER
from support.limits import limit

IDLE = 10  # seconds, a little less than the gate's limit


@pytest.fixture(scope="module")
def agent(container, who):
    return container.start_agent("--allow", "allowed.example", "--allow", "*.allowed.example", who=who)


def frame(octets):
    return struct.pack("!H", len(octets)) + octets


def query(name, number):
    message = dns.message.make_query(name, "A")
    message.id = number
    return message.to_wire()


def read(result):
    return {reply.id: reply for reply in (dns.message.from_wire(bytes.fromhex(each)) for each in result["frames"])}


@pytest.mark.parametrize("server", [GATE, PUBLIC_RESOLVER], ids=["the gate", "a public resolver"])
def test_one_connection_can_have_several_questions(agent, server, family):
    octets = b"".join(frame(query("allowed.example" if n % 2 else "unlisted.example", n)) for n in range(40))
    replies = read(agent.stream([octets.hex()], server[family], 0.5))
    assert sorted(replies) == list(range(40))
    assert all(values(replies[n]) == ([ALLOWED[4]] if n % 2 else []) for n in range(40))


def test_a_slow_answer_does_not_delay_the_others(internet, agent, who):
    slow, fast = f"slow-{who}.allowed.example", "allowed.example"
    internet.upstream.name(slow, delayed(0.5, addresses(ALLOWED[4])))
    result = agent.stream([(frame(query(slow, 1)) + frame(query(fast, 2))).hex()], GATE[4], 1)
    order = [dns.message.from_wire(bytes.fromhex(each)).id for each in result["frames"]]
    assert order == [2, 1]


def test_a_question_octet_by_octet_is_answered(agent, family):
    pieces = [bytes([octet]).hex() for octet in frame(query("allowed.example", 7))]
    result = agent.stream(pieces, GATE[family], 0.8, pause=0.01)
    assert values(read(result)[7]) == [ALLOWED[4]]


def test_a_question_in_two_parts_followed_by_another_is_answered(agent):
    octets = frame(query("allowed.example", 1)) + frame(query("allowed.example", 2))
    assert sorted(read(agent.stream([octets[:20].hex(), octets[20:].hex()], GATE[4], 0.5))) == [1, 2]


@pytest.mark.parametrize("size", [0, 4097, 65535])
def test_an_invalid_length_ends_the_connection(agent, size):
    result = agent.stream([(struct.pack("!H", size) + b"x" * size).hex()], GATE[4], 2)
    assert result["closed"] and result["frames"] == [], result


def test_garbage_of_a_valid_length_is_answered_or_ends_the_connection(agent):
    result = agent.stream([frame(b"\xff" * 64).hex()], GATE[4], 0.5)
    assert len(result["frames"]) <= 1


def test_the_gate_keeps_answering_after_garbage(agent):
    agent.stream([b"GET / HTTP/1.1\r\nHost: gate\r\n\r\n".hex()], GATE[4], 0.3)
    assert agent.asks_for("allowed.example", transport="tcp") == [ALLOWED[4]]


def test_an_idle_connection_is_closed(agent, who):
    """After no octet, an incomplete question, or a complete question and its answer."""
    if who == "root":
        pytest.skip("it takes long, and is the same as for the ordinary user")
    octets = frame(query("allowed.example", 1))
    said = [part.hex() for part in (b"", octets[:1], octets[:9], octets)]
    seconds = agent.idle(said, GATE[4], IDLE + 4, patience=20)
    assert all(each is not None and 2 < each < IDLE + 3 for each in seconds), seconds


def test_a_client_that_closes_its_side_gets_its_answer(agent):
    outcome = agent.python(f"""
s = socket.create_connection(("127.0.0.1", 53), 2)
s.sendall(bytes.fromhex({frame(query('allowed.example', 9)).hex()!r}))
s.shutdown(socket.SHUT_WR)
value = s.recv(4096).hex()""")
    assert outcome["reached"] and len(outcome["answer"]) > 60, outcome


def test_many_connections_do_not_block_other_clients(agent):
    """UDP keeps working meanwhile, and TCP when the connections have been closed."""
    assert agent.hold_connections(GATE[4], 500) > 0
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]
    agent.python("value = None")
    agent.python("import gc; gc.collect()")
    agent.hold_connections(GATE[4], 0)
    assert agent.asks_for("allowed.example", transport="tcp") == [ALLOWED[4]]


def test_connections_that_use_all_descriptors_do_not_block_other_clients(container, agent):
    gate = container.gate(agent.session)
    limit(gate, "nofile", len(os.listdir(f"/proc/{gate}/fd")) + 8)
    try:
        assert agent.hold_connections(GATE[4], 40) == 40
        assert agent.asks_for("allowed.example", transport="tcp") == [ALLOWED[4]]
    finally:
        limit(gate, "nofile", 1024)
        agent.hold_connections(GATE[4], 0)


def test_a_client_that_does_not_read_its_answers_does_not_block_others(agent):
    """Unread answers are bounded."""
    octets = b"".join(frame(query("allowed.example", n)) for n in range(2000)).hex()
    outcome = agent.python(f"""
kept = globals().setdefault("kept", [])
s = socket.create_connection(("127.0.0.1", 53), 2)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
s.settimeout(0.5)
try:
    for _ in range(200):
        s.sendall(bytes.fromhex({octets!r}))
except OSError:
    pass""", patience=20)
    assert outcome["reached"], outcome
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]
    assert agent.asks_for("allowed.example", transport="tcp") == [ALLOWED[4]]
