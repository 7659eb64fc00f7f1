"""An upstream that is silent, slow or late, refuses, truncates, lies, or answers twice. Cached
names stay available; other names get SERVFAIL or the correct answer."""

import random
import time

import dns.flags
import dns.rcode

from soak.fault import Fault, prove
from support.behaviours import delayed, reply_to
from support.misbehaviours import ALL, another_id

LURE = {4: "203.0.113.99", 6: "2001:db8:bad::99"}  # no rule allows these
AFTER_THE_TIMEOUT = 6  # seconds; the gate gives up after five
SLOW = 0.8


class Upstream(Fault):
    def __init__(self, name, behaviour):
        self.name, self._behaviour = name, behaviour

    def inject(self, soak, rng, seconds):
        before = soak.answers_by_code()
        asked, own = 0, random.Random(rng.random())  # set by the thread of the upstream

        def behave(question):
            nonlocal asked
            asked += 1
            return self._behaviour(soak.resolver, own, question)
        if delay := getattr(self._behaviour, "delay", 0):
            behave = delayed(delay, behave)
        soak.resolver.behave_as(behave)
        try:
            time.sleep(seconds)
        finally:
            soak.resolver.behave_as(soak.resolver.honest)
        prove(asked, "no question came meanwhile")
        after = soak.answers_by_code()
        return {"questions": asked, "answered": after["answered"] - before["answered"],
                "SERVFAIL": after["servfail"] - before["servfail"]}


def silent(resolver, rng, question):
    return []


def slow(resolver, rng, question):
    return resolver.honest(question)


def refuses(resolver, rng, question):
    return [reply_to(question, rng.choice([dns.rcode.REFUSED, dns.rcode.SERVFAIL, dns.rcode.NOTIMP])).to_wire()]


def truncates(resolver, rng, question):
    if question.transport == "tcp":
        return resolver.honest(question)
    message = reply_to(question)
    message.flags |= dns.flags.TC
    return [message.to_wire()]


def lies(resolver, rng, question):
    return rng.choice(list(ALL.values()))(question, LURE)


def twice(resolver, rng, question):
    return another_id(question, LURE) + resolver.honest(question) * 2


def late(resolver, rng, question):
    return resolver.honest(question)


slow.delay = SLOW
late.delay = AFTER_THE_TIMEOUT

FAULTS = [Upstream("upstream silent", silent), Upstream("upstream slow", slow), Upstream("upstream refuses", refuses),
          Upstream("upstream truncates", truncates), Upstream("upstream lies", lies),
          Upstream("upstream answers late", late), Upstream("upstream answers twice", twice)]
