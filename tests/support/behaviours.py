"""Behaviours of an upstream resolver: honest ones. support/misbehaviours.py has the others."""

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset

UDP_ROOM = 1200


def reply_to(question, rcode=dns.rcode.NOERROR):
    message = dns.message.make_response(question.message, recursion_available=True)
    message.set_rcode(rcode)
    return message


def add(message, owner, ttl, type, *values, section="answer"):
    getattr(message, section).append(dns.rrset.from_text(dns.name.from_text(owner), ttl, "IN", type, *values))


def pack(message, question):
    """Truncates a reply that is too long for UDP, as an honest server does."""
    octets = message.to_wire(max_size=65535)
    if question.transport == "udp" and len(octets) > UDP_ROOM:
        message.answer, message.authority, message.additional = [], [], []
        message.flags |= dns.flags.TC
        octets = message.to_wire()
    return [octets]


def soa(message, question, ttl):
    zone = question.name.partition(".")[2] or question.name
    add(message, zone, ttl, "SOA", f"ns.{zone}. root.{zone}. 1 3600 600 86400 {ttl}", section="authority")


def addresses(*values, ttl=60):
    """A and AAAA records. If a type has no address, the answer is NODATA."""
    by_type = {"A": [v for v in values if ":" not in v], "AAAA": [v for v in values if ":" in v]}

    def behave(question):
        message = reply_to(question)
        if found := by_type.get(question.type):
            add(message, question.name, ttl, question.type, *found)
        else:
            soa(message, question, ttl)
        return pack(message, question)
    return behave


def host(addresses_by_family, ttl=60):
    return addresses(*addresses_by_family.values(), ttl=ttl)


def records(type, *values, ttl=60):
    def behave(question):
        message = reply_to(question)
        if question.type == type:
            add(message, question.name, ttl, type, *values)
        else:
            soa(message, question, ttl)
        return pack(message, question)
    return behave


def no_such_name(question, ttl=60):
    message = reply_to(question, dns.rcode.NXDOMAIN)
    soa(message, question, ttl)
    return pack(message, question)


def no_such_name_for(ttl):
    return lambda question: no_such_name(question, ttl)


def alias(*names, to, ttl=60):
    """A chain of CNAMEs from the question through `names` to the addresses of the last one."""
    def behave(question):
        message = reply_to(question)
        owner = question.name
        for name in names:
            add(message, owner, ttl, "CNAME", name + ".")
            owner = name
        found = [v for v in to.values() if (":" in v) == (question.type == "AAAA")]
        if found and question.type in ("A", "AAAA"):
            add(message, owner, ttl, question.type, *found)
        return pack(message, question)
    return behave


def in_turn(*behaviours):
    """Uses one behaviour after the other; the last one stays. A further question of another type
    does not move on to the next behaviour."""
    counts = {}

    def behave(question):
        turn = counts[question.type] = counts.get(question.type, -1) + 1
        return behaviours[min(turn, len(behaviours) - 1)](question)
    return behave


def delayed(seconds, behaviour):
    def behave(question):
        return behaviour(question)
    behave.delay = seconds
    return behave


def silence_for_ever(question):
    return []
