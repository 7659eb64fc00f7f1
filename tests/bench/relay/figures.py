"""The cost of the relay, compared with nginx and haproxy as relays, and what it loses."""

import concurrent.futures
import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator

from bench.figures import Bound, Effort, Figure, Series
from bench.relay.contenders import Direct, Haproxy, Nginx, Ostiary, Outside, Sink
from bench.turns import turned
from support.processes import field, proportional_set_size

PEERS = [each for each in (Nginx, Haproxy) if shutil.which(each.program)]
MOST_ADDED = 300  # microseconds
CONNECTIONS = 4
GAP_US = 5000
PATIENCE = 90


@contextlib.contextmanager
def started(kinds):
    """The server, and the contenders."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        os.chmod(folder, 0o755)
        outside = Outside(folder, len(kinds))
        stack.callback(outside.close)
        outside.serve()
        contenders = []
        for kind in kinds:
            contenders.append(kind(outside))
            stack.callback(contenders[-1].close)
        yield outside, contenders


def await_true(holds, what, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not in time: {what}")
        time.sleep(0.02)


def p99(samples):
    return sorted(samples)[int(0.99 * (len(samples) - 1))]


def added(ours, theirs, what="the median"):
    more = ours - theirs.median
    return Bound(f"at most 0.3 ms more than {theirs.name}, {what}: {more / 1000:+.2f} ms", more <= MOST_ADDED)


# Posts of telemetry ---------------------------------------------------------------------------------------------------


def answers(effort, contenders) -> Figure:
    series = [Series(each.name, []) for each in contenders]
    for number in range(effort.of(10, 1) + 1):
        for each, contender in turned(list(zip(series, contenders)), number):
            measured = contender.posts(effort.of(50, 3), gap_us=GAP_US)["microseconds"][1:]
            if number > 0:
                each.samples += measured
    ours = series[0].median
    return Figure(
        "relay/answer", "Answer to a post of 100 KB of telemetry", "µs",
        "From the first octet of the post to the answer, on a kept connection, with 5 ms between two posts: 370 log records "
        "of Claude Code in protobuf. The collector speaks TLS and is a veth pair away. nginx and haproxy answer when the "
        "collector has answered; ostiary when its file has the post, with the operator's attributes in it. The client also "
        "posts to the collector directly over TLS, and without TLS to a server on loopback. A relay has one core; the "
        "client and the servers share another.",
        series, [added(ours, each) for each in series if each.name in (Direct.name, Sink.name)])


def deliver(outside, contender, count):
    """Posts a second, up to the last one that the collector has received."""
    outside.forget_records()
    result = contender.posts(count, connections=CONNECTIONS)
    expected = count * result["records"]
    await_true(lambda: outside.counts()[0] >= expected, f"{count} posts of {contender.name}")
    came, last = outside.counts()
    if not outside.distinct_records() == came == expected or result["retries"]:
        raise RuntimeError(f"{contender.name}: of {expected} records came {came}")
    return count / (last - result["began_ns"]) * 1e9


def throughput(effort, outside, contenders) -> Figure:
    count = effort.of(500, 20)  # less than the relay's queue has room for
    series = [Series(each.name, []) for each in contenders]
    for number in range(effort.of(10, 1) + 1):
        for each, contender in turned(list(zip(series, contenders)), number):
            measured = deliver(outside, contender, count)
            if number > 0:
                each.samples.append(measured)
    ours = series[0].median
    bounds = []
    for each in series:
        if each.name == Nginx.name:
            ratio = ours / each.median
            bounds.append(Bound(f"at least 0.9 times nginx: {ratio:.2f} times", ratio >= 0.9))
    return Figure(
        "relay/delivery", "Delivered posts of 100 KB a second", "posts/s",
        f"{CONNECTIONS} clients send {count} posts as fast as each is answered: from the first octet until the collector has "
        "the last post. It counts the records by their numbers, and none may be missing. nginx and haproxy add the header, "
        "verify the collector's certificate and keep their connections; each has one thread. ostiary also writes each post "
        "to its file, puts the operator's attributes into it, and sends posts that wait together.",
        series, bounds, higher_is_better=True)


# Streams of the API ---------------------------------------------------------------------------------------------------


def streams(effort, contenders) -> Iterator[Figure]:
    first, others = ([Series(each.name, []) for each in contenders] for _ in range(2))
    for number in range(effort.of(10, 1) + 1):
        for at_first, after, contender in turned(list(zip(first, others, contenders)), number):
            measured = contender.streams(effort.of(20, 2))
            if number > 0:
                at_first.samples += measured["first"][1:]
                after.samples += measured["others"]
    how = ("20 server-sent events, one each 4 ms, from a stand-in for the API that speaks TLS. nginx does not buffer, and "
           "haproxy does not wait for more to send.")
    for key, title, series, from_when in (
            ("first", "First event of an answer of the API", first, "From the first octet of the request."),
            ("others", "Each further event of an answer of the API", others, "From when the server sent it.")):
        direct = next(each for each in series if each.name == Direct.name)
        slowest = p99(series[0].samples) - p99(direct.samples)
        yield Figure(
            f"relay/event-{key}", title, "µs", f"{how} {from_when}", series,
            [added(series[0].median, direct),
             Bound(f"at most 0.3 ms more than {direct.name}, the 99th percentile: {slowest / 1000:+.2f} ms",
                   slowest <= MOST_ADDED)])


# Memory ---------------------------------------------------------------------------------------------------------------


class OstiaryWithoutCredentials(Ostiary):
    telemetry = api = False

    def await_start(self):
        """No port is open. Waits for the agent."""
        await_true(lambda: any(field(pid, "Name") == "sleep" for pid in self.processes()), "the agent starts")


def mebibytes(pids):
    return sum(map(proportional_set_size, pids)) / 1024


def memory(effort) -> Figure:
    series = [Series(each.name, []) for each in (Ostiary, *PEERS)]
    without = 0
    for _ in range(effort.of(3, 1)):
        with started([Ostiary, OstiaryWithoutCredentials, *PEERS]) as (_, (ours, bare, *peers)):
            time.sleep(1.5)  # the end of the start
            without += len(bare.relays())
            for each, processes in zip(series, [ours.relays(), *(peer.processes() for peer in peers)]):
                each.samples.append(mebibytes(processes))
    held = series[0].median
    return Figure(
        "relay/memory", "Memory of the relay at rest", "MiB",
        "Proportional set size of both processes of `ostiary-relay`, for telemetry and the API, of nginx's master and "
        "worker, and of haproxy.", series,
        [Bound(f"at most 4 MiB: {held:.1f} MiB", held <= 4),
         Bound(f"no process where no credential is set: {without}", without == 0)])


# Loss -----------------------------------------------------------------------------------------------------------------


def lose_nothing(effort, relay, outside):
    """Returns the numbers of records that were answered with 200 and that arrived, and of posts that were sent again."""
    during, after, outage = effort.of(200, 10), effort.of(200, 40), effort.of(600, 2)
    outside.kill()
    first = relay.posts(during, gap_us=outage * 1_000_000 // during)
    outside.serve()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        client = pool.submit(relay.posts, after, first=during, gap_us=50_000)
        for _ in range(3):
            time.sleep(effort.of(1.5, 0.3))
            outside.kill()
            time.sleep(effort.of(1, 0.1))
            outside.serve()
        os.kill(relay.relays()[-1], signal.SIGKILL)
        second = client.result()
    expected = (during + after) * first["records"]
    with contextlib.suppress(RuntimeError):
        await_true(lambda: outside.distinct_records() >= expected, "all records")
    return expected, outside.distinct_records(), first["retries"] + second["retries"]


def loss(effort) -> Figure:
    with started([Ostiary]) as (outside, (relay,)):
        expected, arrived, retries = lose_nothing(effort, relay, outside)
    return Figure(
        "relay/loss", "Records after an outage, three kills of the collector and one of the relay", "records",
        f"The collector is away for {effort.of(600, 2)} seconds, in which {effort.of(20, 1)} MB of telemetry come. Then, while "
        "posts come, it is killed three times, and the relay's process that serves once. A client sends a post again that is "
        f"not answered with 200: here {retries}. The collector counts the records by their numbers.",
        [Series("answered with 200", [float(expected)]), Series("arrived", [float(arrived)])],
        [Bound(f"none lost: {expected - arrived}", arrived == expected)], higher_is_better=True)


def measure(effort: Effort) -> Iterator[Figure]:
    with started([Ostiary, *PEERS, Direct, Sink]) as (outside, contenders):
        with_tls = contenders[:-1]
        yield answers(effort, contenders)
        yield throughput(effort, outside, with_tls)
        yield from streams(effort, with_tls)
    yield memory(effort)
    yield loss(effort)
