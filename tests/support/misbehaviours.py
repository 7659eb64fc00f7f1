"""Misbehaviours of upstream resolvers. Each is a function of the question and of the addresses
that a careless reader would accept. None may lead to an admission."""

import ipaddress
import struct

import dns.flags
import dns.rcode

from support.behaviours import add, pack, reply_to

TYPES = {"A": 1, "AAAA": 28}


def honest(question, lure):
    message = reply_to(question)
    found = lure[4] if question.type == "A" else lure[6]
    add(message, question.name, 60, question.type, found)
    return message


# No usable reply ----------------------------------------------------------------------------------

def silence(question, lure):
    return []


def an_empty_datagram(question, lure):
    return [b""]


def garbage(question, lure):
    return [question.octets[:2] + b"\xff" * 40]


def a_header_cut_short(question, lure):
    return [honest(question, lure).to_wire()[:11]]


def an_answer_cut_short(question, lure):
    return [honest(question, lure).to_wire()[:-3]]


def another_id(question, lure):
    octets = honest(question, lure).to_wire()
    return [struct.pack("!H", int.from_bytes(octets[:2], "big") ^ 1) + octets[2:]]


def another_question(question, lure):
    octets = honest(question, lure).to_wire()
    return [octets.replace(question.name[:1].encode(), b"x", 1)]


def no_question(question, lure):
    message = honest(question, lure)
    message.question = []
    return [message.to_wire()]


def another_class(question, lure):
    octets = bytearray(question.octets)
    end = 12 + len(question.message.question[0].name.to_wire()) + 4
    return [octets[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + octets[12:end - 2] + b"\0\3" + record(question, lure, kind=3)]


def the_question_itself(question, lure):
    return [question.octets]


def always_truncated(question, lure):
    message = honest(question, lure)
    message.flags |= dns.flags.TC
    return [message.to_wire()]


# Error codes, with an answer nevertheless ---------------------------------------------------------

def failing_with(code):
    def misbehave(question, lure):
        message = honest(question, lure)
        message.set_rcode(code)
        return [message.to_wire()]
    return misbehave


# Names that lead nowhere --------------------------------------------------------------------------

def aliases(question, lure, count, end):
    message = reply_to(question)
    names = [question.name] + [f"link{number}.{question.name}" for number in range(1, count)] + [end]
    for owner, target in zip(names, names[1:]):
        add(message, owner, 60, "CNAME", target + ".")
    return message


def a_loop_of_64_aliases(question, lure):
    return pack(aliases(question, lure, 64, question.name), question)


def an_alias_of_itself(question, lure):
    return pack(aliases(question, lure, 1, question.name), question)


def a_chain_of_64_aliases(question, lure):
    message = aliases(question, lure, 64, "end.example")
    add(message, "end.example", 60, question.type, lure[4] if question.type == "A" else lure[6])
    return pack(message, question)


def a_pointer_to_itself(question, lure):
    octets = header(question, answers=1)
    return [octets + struct.pack("!H", 0xC000 | len(octets)) + record(question, lure)[2:]]


def two_pointers_to_each_other(question, lure):
    octets = header(question, answers=2)
    first = len(octets)
    one = record(question, lure)[2:]
    second = first + 2 + len(one)
    return [octets + struct.pack("!H", 0xC000 | second) + one + struct.pack("!H", 0xC000 | first) + one]


def a_forward_pointer(question, lure):
    octets = header(question, answers=1)
    return [octets + struct.pack("!H", 0xC000 | (len(octets) + 2)) + record(question, lure)[2:]]


def an_alias_into_a_pointer_loop(question, lure):
    octets = header(question, answers=1)
    at = len(octets) + 12
    return [octets + b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 60, 2) + struct.pack("!H", 0xC000 | at)]


# Records that are not what they claim to be -------------------------------------------------------

def four_thousand_records(question, lure):
    count = 4000 if question.type == "A" else 2300  # as many as fit into a message
    return [header(question, answers=count) + record(question, lure) * count]


def four_thousand_records_over_tcp(question, lure):
    if question.transport == "tcp":
        return four_thousand_records(question, lure)
    return always_truncated(question, lure)


def more_records_announced_than_there_are(question, lure):
    return [header(question, answers=65535) + record(question, lure)]


def an_address_of_another_length(question, lure):
    octets = record(question, lure)
    size = int.from_bytes(octets[10:12], "big") + 1
    return [header(question, answers=1) + octets[:10] + struct.pack("!H", size) + octets[12:] + b"\1"]


def an_address_cut_short(question, lure):
    octets = record(question, lure)
    size = int.from_bytes(octets[10:12], "big") - 1
    return [header(question, answers=1) + octets[:10] + struct.pack("!H", size) + octets[12:-1]]


def a_label_of_another_kind(question, lure):
    return [header(question, answers=1) + b"\x41a\0" + record(question, lure)[2:]]


def header(question, answers):
    end = 12 + len(question.message.question[0].name.to_wire()) + 4
    return (question.octets[:2] + b"\x81\x80" + struct.pack("!HHHH", 1, answers, 0, 0) + question.octets[12:end])


def record(question, lure, kind=1):
    """A record whose owner is a pointer to the question's name."""
    data = ipaddress.ip_address(lure[4] if question.type == "A" else lure[6]).packed
    return b"\xc0\x0c" + struct.pack("!HHIH", TYPES.get(question.type, 1), kind, 60, len(data)) + data


LATE = {"silence": silence, "an empty datagram": an_empty_datagram, "garbage": garbage,
        "a header cut short": a_header_cut_short, "another id": another_id, "another question": another_question,
        "no question": no_question, "another class": another_class, "the question itself": the_question_itself}
AT_ONCE = {
    "an answer cut short": an_answer_cut_short,
    "always truncated": always_truncated,
    "SERVFAIL with an answer": failing_with(dns.rcode.SERVFAIL),
    "REFUSED with an answer": failing_with(dns.rcode.REFUSED),
    "FORMERR with an answer": failing_with(dns.rcode.FORMERR),
    "NOTIMP with an answer": failing_with(dns.rcode.NOTIMP),
    "a loop of 64 aliases": a_loop_of_64_aliases,
    "an alias of itself": an_alias_of_itself,
    "a chain of 64 aliases": a_chain_of_64_aliases,
    "a pointer to itself": a_pointer_to_itself,
    "two pointers to each other": two_pointers_to_each_other,
    "a forward pointer": a_forward_pointer,
    "an alias into a pointer loop": an_alias_into_a_pointer_loop,
    "4,000 records": four_thousand_records,
    "4,000 records over TCP": four_thousand_records_over_tcp,
    "more records announced than there are": more_records_announced_than_there_are,
    "an address of another length": an_address_of_another_length,
    "an address cut short": an_address_cut_short,
    "a label of another kind": a_label_of_another_kind,
}
ALL = LATE | AT_ONCE
