"""Compares the gate's DNS reader with dnspython on the same mutated messages.

Every run mutates the same messages in the same way. dnspython reads as much as it can
(continue_on_error), so that the questions and addresses can be compared whenever the gate accepts a
message. Some disagreements are allowed:

The gate accepts a message in which dnspython finds an error, if the error is in a part that the
gate does not use: dnspython reads the RDATA of every record and all EDNS options that it knows, and
checks the positions of OPT and TSIG. The gate reads the records that the question leads to, checks
that the others are complete, and ignores options.

The gate refuses a message that dnspython accepts for one of the reasons in refusals_of(), which are
the rules of dns/query.h, dns/reply.h and dns/wire_name.h. A refusal without such a reason is a
failure.
"""

import os
import random
import struct
import subprocess
from collections import Counter
from pathlib import Path

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from support.project import ROOT

VERDICTS = Path(os.environ.get("OSTIARY_DNS_VERDICTS", ROOT / "build" / "tests" / "fuzz" / "dns_verdicts"))
SEED = 20
MESSAGES = 50000  # about 10 seconds, mostly in dnspython

HEADER = 12
ALIAS_LINKS = 16
POINTER_HOPS = 64
ADDRESSES = 64
RECORDS = 512
A, CNAME, AAAA, OPT = 1, 5, 28, 41


def reply(name, rdtype, *answers, authority=(), rcode=0, edns=None):
    message = dns.message.make_response(dns.message.make_query(name, rdtype, use_edns=edns))
    message.set_rcode(rcode)
    message.answer = [dns.rrset.from_text(owner + ".", *rest) for owner, *rest in answers]
    message.authority = [dns.rrset.from_text(owner + ".", *rest) for owner, *rest in authority]
    return message


SOA = ("example", 60, "IN", "SOA", "ns.example. admin.example. 1 7200 900 1209600 300")
REAL = [
    dns.message.make_query("api.example.com", "A"),
    dns.message.make_query("API.example.com", "AAAA", use_edns=0, payload=1232, want_dnssec=True),
    dns.message.make_query("example.com", "MX", use_edns=0, options=[dns.edns.GenericOption(10, b"\1\2\3\4\5\6\7\x08")]),
    dns.message.make_query("example.com", "HTTPS", use_edns=0, options=[dns.edns.ECSOption("192.0.2.0", 24)]),
    reply("a.example", "A", ("a.example", 300, "IN", "A", "192.0.2.1", "192.0.2.2", "198.51.100.7")),
    reply("a.example", "AAAA", ("a.example", 60, "IN", "AAAA", "2001:db8::1", "2001:db8::2"), edns=0),
    reply("www.a.example", "A", ("www.a.example", 60, "IN", "CNAME", "cdn.example."),
          ("cdn.example", 30, "IN", "CNAME", "edge.cdn.example."), ("edge.cdn.example", 20, "IN", "A", "203.0.113.9"),
          ("other.example", 20, "IN", "A", "203.0.113.66"), edns=0),
    reply("a.example", "A", ("a.example", 60, "IN", "A", "192.0.2.1"), ("a.example", 60, "IN", "TXT", '"a text"'),
          authority=[SOA]),
    reply("a.example", "A", authority=[SOA], edns=0),
    reply("no.example", "AAAA", authority=[SOA], rcode=3),
]


def mutate(random_, wire):
    octets = bytearray(wire)
    for _ in range(random_.randint(0, 3)):
        if not octets:
            break
        # Usually after the header and the first name, where more can go wrong.
        at = random_.randrange(len(octets)) if random_.random() < 0.4 else random_.randrange(min(12, len(octets) - 1), len(octets))
        kind = random_.randrange(7)
        if kind == 0:
            octets[at] = random_.randrange(256)
        elif kind == 1:
            octets[at] ^= 1 << random_.randrange(8)
        elif kind == 2:
            del octets[at:]
        elif kind == 3:
            octets.insert(at, random_.randrange(256))
        elif kind == 4:
            del octets[at]
        elif kind == 5:
            octets[at] = 0xC0
        else:
            octets[at:at] = octets[at:at + random_.randrange(20)]
    return bytes(octets)


def messages():
    random_ = random.Random(SEED)
    for message in REAL:
        message.id = 0x1234
    real = [message.to_wire() for message in REAL]
    return [mutate(random_, real[i % len(real)]) for i in range(MESSAGES)]


def gates_verdicts(wires):
    stream = b"".join(struct.pack(">H", len(wire)) + wire for wire in wires)
    done = subprocess.run([VERDICTS], input=stream, capture_output=True, check=True)
    return [line.split() for line in done.stdout.decode().splitlines()]


def parsed(wire):
    """The message as dnspython reads it; nothing if it cannot read it."""
    try:
        return dns.message.from_wire(wire, one_rr_per_rrset=True, ignore_trailing=True, continue_on_error=True)
    except (dns.exception.DNSException, ValueError, struct.error):
        return None


def at(message, name, rdtype):
    return [rrset[0] for rrset in message.answer
            if rrset.name == name and rrset.rdtype == rdtype and rrset.rdclass == dns.rdataclass.IN and len(rrset) > 0]


def end_of_chain(message, name, rdtype):
    """The last name of the chain of aliases; nothing if two aliases differ or there are too many."""
    for _ in range(ALIAS_LINKS + 1):
        aliases = at(message, name, CNAME)
        if len({alias.target for alias in aliases}) > 1:
            return None
        if at(message, name, rdtype) or not aliases:
            return name
        name = aliases[0].target
    return None


def addresses_of(message):
    question = message.question[0]
    end = end_of_chain(message, question.name, question.rdtype)
    found = {rdata.to_wire() for rdata in at(message, end, question.rdtype)} if end is not None else set()
    # An IPv4-mapped address is not an address of the requested family.
    return {address for address in found if not (len(address) == 16 and address.startswith(bytes(10) + b"\xff\xff"))}


def odd_pointers(wire):
    """Whether the question is compressed, or a record's name points into the header or has too
    many pointers."""
    def follow(place, counted):
        back = None
        hops = 0
        while True:
            length = wire[place]
            if length >= 0xC0:
                target = (length & 0x3F) << 8 | wire[place + 1]
                hops += 1
                counted.append(target < HEADER or hops > POINTER_HOPS)
                back = back or place + 2
                place = target
                if hops > 200:
                    return back
            elif length == 0:
                return back or place + 1
            else:
                place += 1 + length

    try:
        _, _, *counts = struct.unpack(">6H", wire[:HEADER])
        place = HEADER
        for _ in range(counts[0]):
            pointers = []
            place = follow(place, pointers) + 4
            if pointers:
                return True
        for _ in range(sum(counts[1:])):
            pointers = []
            place = follow(place, pointers)
            if any(pointers):
                return True
            rdtype, size = struct.unpack(">H6xH", wire[place:place + 10])
            place += 10
            if rdtype == CNAME:
                follow(place, pointers)
                if any(pointers):
                    return True
            place += size
    except (IndexError, struct.error):
        return True
    return False


def refusals_of(wire, message):
    """The rules by which the gate refuses a message that dnspython reads without an error."""
    _, flags, questions, answers, authorities, additionals = struct.unpack(">6H", wire[:HEADER])
    whole_question = len(message.question) == 1 and questions == 1
    rules = {
        "not one question": not whole_question,
        "another class than IN": whole_question and message.question[0].rdclass != dns.rdataclass.IN,
        "another operation than QUERY": flags & 0x7800 != 0,
        "compression where none may be": odd_pointers(wire),
    }
    if not flags & dns.flags.QR:
        rules |= {
            "a question with records": answers + authorities > 0 or additionals > 1 or (additionals == 1 and message.edns < 0),
            "another EDNS version": message.edns > 0,
            "octets behind a question": trails(wire),
            "a type that is no record's": whole_question and (
                message.question[0].rdtype == OPT or 128 <= message.question[0].rdtype < 255),
        }
    else:
        asked = message.question[0] if whole_question else None
        rules |= {
            "not asked for addresses": whole_question and asked.rdtype not in (A, AAAA),
            "cut short by its sender": bool(flags & dns.flags.TC),
            "an error": message.rcode() not in (0, 3),
            "too many records": answers + authorities + additionals > RECORDS,
            "aliases that differ, circle or go on": whole_question and end_of_chain(message, asked.name, asked.rdtype) is None,
        }
    return [rule for rule, holds in rules.items() if holds]


def trails(wire):
    try:
        dns.message.from_wire(wire)
    except dns.message.TrailingJunk:
        return True
    except dns.exception.DNSException:
        pass
    return False


def labels(name):
    return b"".join(bytes([len(label)]) + label for label in name.canonicalize().labels)


def check(wire, verdict, message):
    """The class of agreement, for the statistics. Fails if the readers disagree."""
    shown = f"{wire.hex()}: {verdict}"
    kind = verdict[0]
    if kind == "refused":
        if message is None or message.errors:
            return "both refuse"
        rules = refusals_of(wire, message)
        assert rules, f"{shown}: only the gate refuses it, without a rule\n{message}"
        return f"only the gate refuses: {rules[0]}"
    assert message is not None and message.question, f"{shown}: only dnspython refuses it"
    question = message.question[0]
    if kind == "query":
        assert (verdict[1], int(verdict[2])) == (labels(question.name).hex(), question.rdtype), shown
    elif kind == "addresses":
        reported, found = {bytes.fromhex(each) for each in verdict[2:]}, addresses_of(message)
        assert reported == found or (len(reported) == ADDRESSES and reported < found), f"{shown}\n{message}"
    else:
        assert message.rcode() == 3 or not addresses_of(message), f"{shown}\n{message}"
    return f"both accept: {kind}" if not message.errors else f"dnspython salvages: {type(message.errors[0].exception).__name__}"


def test_both_readers_agree_on_what_a_message_says():
    wires = messages()
    verdicts = gates_verdicts(wires)
    assert len(verdicts) == len(wires)
    counts = Counter(check(wire, verdict, parsed(wire)) for wire, verdict in zip(wires, verdicts))
    print("\n".join(f"{count:7} {what}" for what, count in counts.most_common()))
    # Otherwise the mutations left nothing to compare.
    for kind in ("query", "addresses", "none"):
        assert counts[f"both accept: {kind}"] > MESSAGES / 100, counts
    assert counts["both refuse"] > MESSAGES / 100, counts
