"""A message that is not a question is refused with its code, or ignored. The gate keeps working."""

import os
import random
import struct

import dns.message
import pytest

from support.agent import GATE
from support.internet import ALLOWED


@pytest.fixture(autouse=True)
def gate_keeps_working(internet, container, agent):
    gate = container.gate(agent.session)
    yield
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]
    assert container.gate(agent.session) == gate
    assert not [query for query in internet.upstream.queries if query.name != "allowed.example"]


QUESTION = b"\7allowed\7example\0\0\1\0\1"


def header(flags=0x0100, counts=(1, 0, 0, 0), number=0x1234):
    return struct.pack("!HHHHHH", number, flags, *counts)


REFUSED = {
    "no question": (header(counts=(0, 0, 0, 0)), {1}),
    "two questions": (header(counts=(2, 0, 0, 0)) + QUESTION * 2, {1}),
    "an answer": (header(counts=(1, 1, 0, 0)) + QUESTION + b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\1\1\1\1", {1}),
    "an authority": (header(counts=(1, 0, 1, 0)) + QUESTION + b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\1\1\1\1", {1, 4}),
    "a question cut short": (header() + QUESTION[:-1], {1}),
    "a name cut short": (header() + b"\7allo", {1}),
    "a name that points to itself": (header() + b"\xc0\x0c\0\1\0\1", {1}),
    "a name that points ahead": (header() + b"\xc0\x20\0\1\0\1" + b"\0" * 20, {1}),
    "a label of another kind": (header() + b"\x47allowed\0\0\1\0\1", {1}),
    "a name of 256 octets": (header() + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1", {1}),
    "octets behind the question": (header() + QUESTION + b"behind", {1}),
    "an update": (header(flags=5 << 11) + QUESTION, {4}),
    "a notification": (header(flags=4 << 11) + QUESTION, {4}),
    "a status request": (header(flags=2 << 11) + QUESTION, {4}),
    "a transfer": (header() + QUESTION[:-4] + b"\0\xfc\0\1", {4, 5}),
    "anything at all": (header() + QUESTION[:-4] + b"\0\xff\0\1", {4, 5, 0}),
    "two OPT records": (header(counts=(1, 0, 0, 2)) + QUESTION + b"\0\0\x29\4\xd0\0\0\0\0\0\0" * 2, {1}),
    "an OPT record with a name": (header(counts=(1, 0, 0, 1)) + QUESTION + b"\1a\0\0\x29\4\xd0\0\0\0\0\0\0", {1}),
    "another version of EDNS": (header(counts=(1, 0, 0, 1)) + QUESTION + b"\0\0\x29\4\xd0\0\1\0\0\0\0", {16}),
    "an option cut short": (header(counts=(1, 0, 0, 1)) + QUESTION + b"\0\0\x29\4\xd0\0\0\0\0\0\6\0\1\0\x20xx", {1}),
}


def extended_code(octets):
    message = dns.message.from_wire(octets, ignore_trailing=True, one_rr_per_rrset=True, continue_on_error=True) \
        if len(octets) > 12 else None
    return int(message.rcode()) if message else octets[3] & 15


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("what", REFUSED)
def test_a_malformed_question_is_refused_with_its_code(agent, what, transport):
    octets, codes = REFUSED[what]
    outcome = agent.ask(octets.hex(), GATE[4], transport=transport)
    assert outcome["reached"], outcome
    reply = bytes.fromhex(outcome["answer"])
    assert reply[:2] == octets[:2] and reply[2] & 0x80
    assert extended_code(reply) in codes


@pytest.mark.parametrize("octets", [b"", b"\0", header()[:11], header(flags=0x8180) + QUESTION,
                                    b"\x12\x34\x81\x80" + b"\xff" * 500],
                         ids=["nothing", "one octet", "half a header", "an answer",
                              "garbage that says it is an answer"])
def test_responses_and_messages_without_a_header_are_ignored(agent, octets):
    outcome = agent.ask(octets.hex(), GATE[4], timeout=0.3)
    assert outcome.get("error") == "timeout", outcome


def test_garbage_datagrams_of_every_size_do_no_harm(agent):
    seed = os.environ.get("OSTIARY_TEST_SEED", "ostiary")
    chance = random.Random(seed)
    messages = [chance.randbytes(chance.randrange(1, 1500)).hex() for _ in range(2000)]
    agent.ask_all(messages, GATE[4], 0.5)


def test_a_question_with_each_octet_changed_does_no_harm(agent):
    good = dns.message.make_query("allowed.example", "TXT").to_wire()
    messages = [good[:at] + bytes([value]) + good[at + 1:] for at in range(len(good)) for value in (0, 1, 63, 192, 255)]
    harmless = [m.hex() for m in messages if b"\7allowed\7example\0\0\1" not in m and b"\0\x1c\0\1" not in m[12:]]
    agent.ask_all(harmless, GATE[4], 0.5)


def test_the_largest_datagram_does_no_harm(agent):
    agent.ask_all([(header() + QUESTION + b"x" * 60000).hex(), (b"\0" * 65000).hex()], GATE[4], 0.5)


def test_the_longest_name_is_denied_like_others(agent):
    longest = b"".join(bytes([n]) + b"a" * n for n in (63, 63, 63, 61)) + b"\0"
    assert len(longest) == 255
    reply = agent.asks_message(header() + longest + b"\0\1\0\1")
    assert int(reply.rcode()) == 3


def test_malformed_questions_are_audited(container, agent):
    agent.ask(REFUSED["two questions"][0].hex(), GATE[4])
    container.eventually_audited("deny", kind="name", why="malformed")
