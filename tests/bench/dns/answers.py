"""The cost of ostiary's DNS, compared with resolvers that could be the base of an egress gate."""

import contextlib
import json
import os
import statistics
import time
from collections.abc import Iterator

from bench.dns.hosts import Upstream
from bench.dns.servers import DOMAIN, Dnsmasq, Ostiary, OstiaryThatKnows, behind_rules, peers
from bench.figures import Bound, Effort, Figure, Series
from bench.programs import TOOLS
from bench.turns import turned
from support.dns_wire import ask

CORES = sorted(os.sched_getaffinity(0))
LOAD_CORE, SERVER_CORE = CORES[0], CORES[-1]
NAMES = OstiaryThatKnows.names
CLIENTS = 16
MOST_LATE = 0.002  # fraction of the questions


class Route:
    """A way to reach a server: the address that a client asks at port 53, and the server that
    answers."""

    def __init__(self, name, server, address="127.0.0.1"):
        self.name, self.server, self.address = name, server, address
        self.answers_a_second, self.p99 = [], []

    @property
    def most(self):
        return statistics.median(self.answers_a_second)

    def load(self, milliseconds, *rate):
        time.sleep(0.1)  # lets the machine finish work that the last load delayed
        load = [TOOLS / "dns" / "dns_load", self.address, 53, NAMES, CLIENTS, milliseconds, *rate]
        result = json.loads(self.server.host.run(*load, core=LOAD_CORE))
        if result["wrong"]:
            raise RuntimeError(f"{self.name}: {result}")
        return result

    def load_at(self, rate, milliseconds):
        """Measures again if the client was late because it did not get its core."""
        for _ in range(5):
            result = self.load(milliseconds, rate)
            if result["late"] <= MOST_LATE * result["asked"]:
                break
        return result


def started(stack, kind, upstream, core, names):
    server = kind(upstream, core)
    stack.callback(server.close)
    server.await_answers(names)
    return server


def routes_to_caches(stack) -> Iterator[Route]:
    upstream = Upstream()
    stack.callback(upstream.close)
    ostiary = started(stack, OstiaryThatKnows, upstream, SERVER_CORE, NAMES)
    yield Route("ostiary", ostiary)
    yield Route("ostiary, through the redirect", ostiary, "127.0.0.2")
    for peer in peers():
        yield Route(peer.name + ", no rules", started(stack, peer, upstream, SERVER_CORE, NAMES))
        gate = behind_rules(peer)
        yield Route(gate.name, started(stack, gate, upstream, SERVER_CORE, NAMES))


# A peer's route has one of them.
ENDINGS = "no rules", "behind rules"


def best(routes, ending):
    return max((route for route in routes if route.name.endswith(ending)), key=lambda route: route.most)


def cached(effort: Effort) -> Iterator[Figure]:
    rounds, milliseconds = effort.of(11, 1), effort.of(600, 100)
    with contextlib.ExitStack() as stack:
        routes = list(routes_to_caches(stack))
        for route in routes:
            route.load(milliseconds)
        for number in range(rounds):
            for route in turned(routes, number):
                route.answers_a_second.append(route.load(milliseconds)["a_second"])
        yield throughput(routes)
        rate = int(min(best(routes, ending).most for ending in ENDINGS) / 2)
        able = [route for route in routes if route.most > 1.1 * rate]
        for number in range(rounds):
            for route in turned(able, number):
                route.p99.append(route.load_at(rate, milliseconds)["p99_us"])
        yield slowest(routes[0], able, rate)


def throughput(routes) -> Figure:
    ours = routes[0]
    bounds = []
    for ending in ENDINGS:
        peer = best(routes, ending)
        ratio = ours.most / peer.most
        bounds.append(Bound(f"1.5 times the best peer, {peer.name}: {ratio:.2f} times", ratio >= 1.5))
    return Figure(
        "dns/cached", "Cached DNS answers a second", "answers/s",
        f"{NAMES} names in the cache; one process, pinned to one core. On another, {CLIENTS} clients keep 128 "
        "questions outstanding, and each client's questions leave in one packet that the kernel cuts at the server's "
        "socket, so that the client is not the limit. ostiary runs with all of its rules and admissions, as after "
        "`ostiary run`: clients ask 127.0.0.1:53, as resolv.conf names it, where the gate listens; or another address, "
        "from where the redirect leads to the gate. Peers are asked without rules, and behind the minimal rules that an "
        "egress gate around them needs: a redirect of port 53, and an output chain that denies all but established "
        "flows, loopback, the upstream and a set of addresses.",
        [Series(route.name, route.answers_a_second) for route in routes], bounds, higher_is_better=True)


def slowest(ours, able, rate) -> Figure:
    bounds = []
    for ending in ENDINGS:
        peer = best(able, ending)
        mine, its = (statistics.median(route.p99 or [float("inf")]) for route in (ours, peer))
        text = f"below that of the best peer, {peer.name}: {mine:.0f} µs against {its:.0f} µs"
        bounds.append(Bound(text, mine < its))
    return Figure(
        "dns/p99", "99th percentile of the latency of cached answers", "µs",
        f"{rate} questions a second, half of what the best peer can answer, with rules or without, whichever is less. They "
        f"come one at a time and from {CLIENTS} clients in turn, sent whether answered or not. Latency counts from when a "
        "question was due; one that is lost counts with a quarter of a second.",
        [Series(route.name, route.p99) for route in able], bounds)


@contextlib.contextmanager
def on_core(core):
    before = os.sched_getaffinity(0), os.sched_getscheduler(0), os.sched_getparam(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before[0])
        os.sched_setscheduler(0, *before[1:])


def microseconds(asker, name):
    """Lets all other processes finish their work; then the question and its answer have priority
    on this core."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
    began = time.perf_counter_ns()
    ask(asker, name)
    return (time.perf_counter_ns() - began) / 1000


def first_answers(effort: Effort) -> Iterator[Figure]:
    count, warm_up = effort.of(500, 20), 10
    kinds = Ostiary, Dnsmasq, behind_rules(Dnsmasq)
    with contextlib.ExitStack() as stack:
        upstream = Upstream(SERVER_CORE)
        stack.callback(upstream.close)
        servers = [started(stack, kind, upstream, SERVER_CORE, 1) for kind in kinds]
        askers = [stack.enter_context(server.host.asker("127.0.0.1", 53)) for server in servers]
        plain = servers[1]
        directly = stack.enter_context(plain.host.asker(plain.upstream, 53))
        stack.enter_context(on_core(SERVER_CORE))
        added = [[] for _ in kinds]
        for number in range(1, warm_up + count + 1):
            name = f"host{number:04}.{DOMAIN}"
            direct = microseconds(directly, name)
            for asker, samples in turned(zip(askers, added), number):
                samples.append(microseconds(asker, name) - direct)
    ours, *others = (Series(kind.name, samples[warm_up:]) for kind, samples in zip(kinds, added))
    shares = [(each.name, ours.median / each.median) for each in others]
    halves = [Bound(f"at most half of {name}: {share:.2f} of it", share <= 0.5) for name, share in shares]
    yield Figure(
        "dns/first-answer", "Delay added to a first answer", "µs",
        "The name is new, and a wildcard allows it; the upstream is a veth pair away and answers at once. The client asks "
        "for the same name at the upstream directly, through ostiary and through dnsmasq, in turn. Each answers after the "
        "kernel has the address in its set, ostiary behind its rules, dnsmasq without rules and behind the minimal ones. "
        "All share one core, so that the figure counts work, not the wake-up of an idle core. The client has priority "
        "there: a server finishes its work after an answer before the next question.",
        [ours, *others], [Bound(f"below 60 µs: {ours.median:.0f} µs", ours.median < 60), *halves])


def measure(effort: Effort) -> Iterator[Figure]:
    yield from cached(effort)
    yield from first_answers(effort)
