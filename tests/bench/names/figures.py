"""The cost of checking the name that a flow asks for in TLS, compared with no check, and with proxies that check it."""

import contextlib
import json
import resource
import statistics
import subprocess
from collections.abc import Iterator

from bench.figures import Bound, Effort, Figure, Series
from bench.names.contenders import CLIENT_CORE, SITE_CORE, Checked, Outside, Unchecked, peers
from bench.programs import TOOLS
from bench.turns import in_turn

GATE_CORE = SITE_CORE
OPENERS = 32  # flows at a time
AMONG = ("ostiary's rules without the check (`--check-names off`), and with it; haproxy with `req.ssl_sni` and nginx with "
         "`ssl_preread`, to which the rules of their host redirect the flow, and which open another to the site.")
SITE = "The site is a veth pair away, and answers a ClientHello with a ServerHello."
APART = "The client has one core, the site another."


@contextlib.contextmanager
def started(kinds, site_core=SITE_CORE, core=None):
    """The contenders, which a flow has passed."""
    with contextlib.ExitStack() as stack:
        outside = Outside(site_core)
        stack.callback(outside.close)
        contenders = []
        for kind in kinds:
            contenders.append(kind(outside, core))
            stack.callback(contenders[-1].close)
        for each in contenders:
            each.await_start()
        yield contenders


def samples(contenders, rounds, sample) -> list[Series]:
    return in_turn({each.name: lambda each=each: sample(each) for each in contenders}, rounds)


def at_least(share, than, ours):
    """For rates."""
    ratio = ours.median / than.median if than.median else float("inf")
    return Bound(f"at least {share} times {than.name}: {ratio:.2f} times", ratio >= share)


def rate_bounds(series, of_unchecked, of_best_peer):
    unchecked, ours, *others = series
    best = [max(others, key=lambda each: each.median)] if others else []
    return [at_least(of_unchecked, unchecked, ours), *(at_least(of_best_peer, each, ours) for each in best)]


def throughput(effort, contenders) -> Iterator[Figure]:
    length = effort.of(1000, 100)
    for connections in (1, 16):
        for direction, way in (("up", "to"), ("down", "from")):
            series = samples(contenders, effort.of(9, 1), lambda each: each.client(
                direction, connections, length)["octets_a_second"] * 8 / 1e9)
            held = "one connection" if connections == 1 else f"{connections} connections"
            yield Figure(
                f"names/{direction}-{connections}", f"Throughput {way} a site, {held}", "Gbit/s",
                f"{AMONG} {SITE} {APART} Counted for a second on open connections, after a quarter of a second.",
                series, rate_bounds(series, 0.95, 2), higher_is_better=True)


def first_octet(effort) -> Figure:
    core = SITE_CORE
    with started([Unchecked, Checked, *peers()], core, core) as contenders:
        rounds = samples(contenders, effort.of(15, 1), lambda each: each.client("first", effort.of(200, 5), core=core)
                         ["microseconds"])
    series = [Series(each.name, [one for few in each.samples for one in few]) for each in rounds]
    unchecked, ours, *others = series
    added = ours.median - unchecked.median
    bounds = [Bound(f"at most 100 µs more than {unchecked.name}: {added:.0f} µs", added <= 100)]
    bounds += [Bound(f"below {each.name}: {ours.median:.0f} µs against {each.median:.0f} µs", ours.median < each.median)
               for each in others]
    return Figure(
        "names/first-octet", "First octet of a site's answer", "µs",
        f"{AMONG} {SITE} From the connect to the first octet of the answer, one flow after another. All share one core, so "
        "that the figure counts work, not the wake-up of an idle core.", series, bounds)


def connections(effort, contenders) -> Figure:
    def opened_a_second(contender):
        result = contender.client("open", OPENERS, effort.of(1000, 100))
        if result["failed"]:
            raise RuntimeError(f"{contender.name}: {result}")
        return result["a_second"]

    series = samples(contenders, effort.of(9, 1), opened_a_second)
    return Figure(
        "names/connections", "Flows to a site a second", "flows/s",
        f"{AMONG} {SITE} {APART} A client keeps {OPENERS} flows at work; each ends with the first octets of its answer.",
        series, rate_bounds(series, 0.8, 1.3), higher_is_better=True)


def memory(effort, contenders) -> Figure:
    count = effort.of(2000, 50)
    for each in contenders:
        with each.held(20):
            pass
    before = {each.name: each.memory() for each in contenders}

    def bytes_each(contender):
        with contender.held(count):
            return max(0.0, (contender.memory() - before[contender.name]) / count)

    series = samples(contenders, effort.of(5, 1), bytes_each)
    ours = series[1].median
    return Figure(
        "names/memory", "Memory for an open flow to a site", "bytes",
        f"{AMONG} {count:,} flows are open, whose hellos are answered. How much more memory (proportional set size) the gate "
        "has, or the proxy, divided by that number. The kernel's is not counted.",
        series, [Bound(f"none, within a page of each hundred flows: {ours:.0f} bytes", ours < 41)])


def answers_a_second(contender, milliseconds):
    load = [TOOLS / "dns" / "dns_load", "127.0.0.1", 53, contender.names, 16, milliseconds]
    result = json.loads(contender.host.run(*load, core=CLIENT_CORE))
    if result["wrong"]:
        raise RuntimeError(f"{contender.name}: {result}")
    return result["a_second"]


def dns(effort) -> Figure:
    length = effort.of(600, 100)
    opened = []

    def while_flows_open(contender, milliseconds):
        words = contender.command("open", OPENERS, 2 * milliseconds)
        client = subprocess.Popen(contender.host.inside(*words, core=CLIENT_CORE), stdout=subprocess.PIPE, text=True)
        with client:
            result = answers_a_second(contender, milliseconds)
            opened.append(json.loads(client.stdout.read())["a_second"])
        return result

    with started([Unchecked, Checked], CLIENT_CORE, GATE_CORE) as contenders:
        series = in_turn({f"{each.name}, {when}": lambda each=each, sample=sample: sample(each, length)
                          for each in contenders
                          for when, sample in (("DNS alone", answers_a_second), ("while flows open", while_flows_open))},
                         effort.of(9, 1))
    _, unchecked, _, checked = series
    return Figure(
        "names/dns", "DNS answers a second while flows open", "answers/s",
        f"{contenders[0].names:,} cached names, asked for as fast as they are answered; alone, and while another client keeps "
        f"{OPENERS} flows to a site at work: {statistics.median(opened):,.0f} a second. The gate has a core; both clients "
        "and the site share another, so that fewer questions come while flows open, with the check or without.",
        series, [at_least(0.5, unchecked, checked)], higher_is_better=True)


def measure(effort: Effort) -> Iterator[Figure]:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with started([Unchecked, Checked, *peers()]) as contenders:
        yield from throughput(effort, contenders)
        yield connections(effort, contenders)
        yield memory(effort, contenders)
    yield first_octet(effort)
    yield dns(effort)
