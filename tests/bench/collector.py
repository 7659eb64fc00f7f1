"""The records a second that the collector of container/collector takes, up to the bucket, and what that costs."""

import contextlib
import gzip
import importlib.util
import itertools
import os
import pathlib
import re
import socket
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator

from bench.figures import Bound, Effort, Figure, Series
from bench.turns import turned
from observability.collecting import BUCKET, FILES, PORTS, STORE_AT, bucket, settings
from support.network import NetworkNamespace
from support.objects import VERSITYGW
from support.otelcol import OTELCOL, OtelCollector
from support.processes import field as field_of
from support.protobuf import field
from support.relayed import AT
from support.telemetry import MARKER

CONNECTIONS = 8
RECORDS = 60  # of a request
LEAST = 50_000  # records a second
MOST_MIB = 1024
PATIENCE = 120
TICKS = os.sysconf("SC_CLK_TCK")
SESSION = b"0f8d2c6e-5b1a-4f7c-9e55-"
NO_NUMBER = b"0" * 12
SESSION_WITH_NUMBER = re.compile(SESSION + rb"(\d{12})")

# The same collector without what keeps the telemetry over its end, and without what drops content. Its queue is small, and a
# sender waits for room: else the collector would run out of memory.
BARE = "exporters: { awss3/logs: { sending_queue: { storage: null, queue_size: 33554432, block_on_overflow: true } } }\n"
CONTENDERS = {"to-s3.yaml": ((), {}), "without queue on disk and transform": ((BARE,), {"COLLECTOR_CONTENT": "keep"})}


def missing():
    """What to do before this can be measured; nothing if it can."""
    if not OTELCOL.exists() or not VERSITYGW.exists():
        return ("collector is not measured: there is no collector or no store; install Go 1.25 or newer, and run "
                "tests/observability/build")
    return "" if importlib.util.find_spec("boto3") else "collector is not measured: there is no boto3; install python3-boto3"


# Telemetry ------------------------------------------------------------------------------------------------------------

COMMON = {"session.id": SESSION + NO_NUMBER, "user.id": b"5f2d" * 16, "terminal.type": b"xterm-256color",
          "app.version": b"2.1.332", "app.entrypoint": b"cli", "event.timestamp": b"2026-11-28T15:14:43.105Z",
          "prompt.id": b"46b7ca76-cb6b-4132-91e5-52bc49cf6b29", "vcs.provider.name": b"github", "vcs.owner.name": b"acme",
          "vcs.repository.name": b"widgets", "vcs.repository.url.full": b"https://github.com/acme/widgets"}
EVENTS = {
    "tool_decision": {"decision": b"accept", "source": b"config", "tool_name": b"Bash", "tool_source": b"builtin",
                      "permission_mode": b"acceptEdits", "tool_use_id": b"toolu_01A09q90qw90lq917835lq9",
                      "tool_parameters": b'{"bash_command":"git","full_command":"git status --short"}'},
    "tool_result": {"success": b"true", "tool_name": b"Bash", "duration_ms": b"131", "tool_result_size_bytes": b"412",
                    "tool_use_id": b"toolu_01A09q90qw90lq917835lq9", "request_id": b"req_011CSHoEeqs5C35K2UUqR7Fy",
                    "tool_input": b'{"command":"git status --short","description":"Show what changed"}',
                    "tool_input_size_bytes": b"66"},
    "api_request": {"model": b"claude-opus-5-5", "speed": b"normal", "effort": b"medium", "query_source": b"sdk",
                    "request_id": b"req_011CSHoEeqs5C35K2UUqR7Fy", "client_request_id": b"43ff9148-b8fd-4287-bdbb-7edfeb3259bb",
                    "cost_usd": 0.0431, "duration_ms": 2431, "ttft_ms": 812, "input_tokens": 311, "output_tokens": 211,
                    "cache_read_tokens": 41112, "cache_creation_tokens": 1311}}
RESOURCE = {"service.name": b"claude-code", "service.version": b"2.1.332", "os.type": b"linux", "host.arch": b"amd64",
            "team": b"blue"}


def attributes(number, values):
    kinds = {bytes: 1, int: 3, float: 4}
    return b"".join(field(number, field(1, key.encode()) + field(2, field(kinds[type(value)], value)))
                    for key, value in values.items())


def request():
    """An export request with RECORDS events of Claude Code, and zeros where the number of the request belongs."""
    def record(number):
        name = list(EVENTS)[number % len(EVENTS)]
        values = COMMON | {"event.name": name.encode(), "event.sequence": number} | EVENTS[name]
        return field(2, field(5, field(1, f"claude_code.{name}".encode())) + attributes(6, values))
    scope = field(1, field(1, b"com.anthropic.claude_code.events") + field(2, b"2.1.332"))
    return field(1, field(1, attributes(1, RESOURCE)) + field(2, scope + b"".join(map(record, range(RECORDS)))))


# A run --------------------------------------------------------------------------------------------------------------


class Sender:
    """Sends requests on one connection, each when the one before is answered, until the deadline."""

    def __init__(self, numbers, body):
        head = (f"POST /v1/logs HTTP/1.1\r\nHost: {AT}\r\nAuthorization: Bearer {MARKER}\r\n"
                f"Content-Type: application/x-protobuf\r\nContent-Length: {len(body)}\r\n\r\n").encode()
        self._numbers, self._parts = numbers, (head + body).split(SESSION + NO_NUMBER)
        self.answered, self.error = 0, None

    def run(self, deadline):
        try:
            with socket.create_connection((AT, PORTS["http"]), timeout=30) as server:
                while time.monotonic() < deadline:
                    self._send(server, (SESSION + b"%012d" % next(self._numbers)).join(self._parts))
        except (OSError, ValueError) as error:
            self.error = error

    def _send(self, server, octets):
        while True:
            server.sendall(octets)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += server.recv(4096) or _closed()
            head, _, body = answer.partition(b"\r\n\r\n")
            left = int(re.search(rb"(?i)^content-length: (\d+)", head, re.M)[1]) - len(body)
            while left > 0:
                left -= len(server.recv(left) or _closed())
            status = int(head.split()[1])
            if status == 200:
                self.answered += 1
                return
            if status not in (429, 503):
                raise ValueError(f"the collector answers {status}")
            time.sleep(0.1)  # the collector asks to try again later


def _closed():
    raise OSError("the collector closed the connection")


def stored(folder):
    """How many records of each request are in the bucket."""
    found = Counter()
    for path in folder.rglob("*.json.gz"):
        found.update(SESSION_WITH_NUMBER.findall(gzip.decompress(path.read_bytes())))
    return found


def stored_at_last(folder, expected):
    """How many records of each request are in the bucket when all are there, or PATIENCE is over, and when the last object was
    written. Reads an object only when no more come, so that the collector has the processors."""
    deadline, before, found = time.monotonic() + PATIENCE, None, Counter()
    while found.total() < expected and time.monotonic() < deadline:
        time.sleep(1.5)
        written = {path: path.stat().st_mtime for path in folder.rglob("*.json.gz")}
        if written and written == before:
            found = stored(folder)
        before = written
    return found, max(before.values(), default=0)


def cpu_seconds(*pids):
    """Of these processes, or of the whole machine."""
    if not pids:
        return sum(map(int, pathlib.Path("/proc/stat").read_text().split()[1:9])) / TICKS - idle_seconds()
    fields = [pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(words[11]) + int(words[12]) for words in fields) / TICKS


def idle_seconds():
    return sum(map(int, pathlib.Path("/proc/stat").read_text().split()[4:6])) / TICKS


class Run:
    """What one run of a collector took."""

    def __init__(self, network, seconds, more, env):
        with tempfile.TemporaryDirectory() as made, contextlib.ExitStack() as stack:
            folder = pathlib.Path(made)
            store = bucket(network, folder / "store")
            stack.callback(store.down)
            env = settings(folder, store, COLLECTOR_BATCH_TIME="1s", **env)
            collector = OtelCollector(network, folder, FILES / "receive.yaml", FILES / "to-s3.yaml", *more, env=env)
            stack.callback(collector.kill)
            ours = collector.pid, store.pid, os.getpid()
            began, used, used_by_all, used_by_us = time.time(), cpu_seconds(collector.pid), cpu_seconds(), cpu_seconds(*ours)
            self.sent = RECORDS * send(seconds, collector)
            elapsed = time.time() - began
            self.others = (cpu_seconds() - used_by_all - cpu_seconds(*ours) + used_by_us) / elapsed / os.cpu_count()
            found, last = stored_at_last(folder / "store" / "objects" / BUCKET, self.sent)
            self.arrived = sum(min(count, RECORDS) for count in found.values())
            self.rate = self.arrived / (last - began)
            self.microseconds = (cpu_seconds(collector.pid) - used) * 1e6 / self.sent
            self.peak = int(field_of(collector.pid, "VmHWM").split()[0]) / 1024


def send(seconds, collector):
    """Returns how many requests were answered with success."""
    numbers, deadline, body = itertools.count(), time.monotonic() + seconds, request()
    senders = [Sender(numbers, body) for _ in range(CONNECTIONS)]
    threads = [threading.Thread(target=sender.run, args=(deadline,)) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for sender in senders:
        if sender.error:
            raise RuntimeError(f"{sender.error}; the collector's log: {collector.log()[-2000:]}")
    return sum(sender.answered for sender in senders)


# Figures --------------------------------------------------------------------------------------------------------------


def figures(runs, seconds) -> Iterator[Figure]:
    def series(of):
        return [Series(name, [of(each) for each in made]) for name, made in runs.items()]
    every = [each for made in runs.values() for each in made]
    rates = series(lambda run: run.rate)
    least = min(rates[0].samples)
    others = statistics.median(each.others for each in every)
    yield Figure(
        "collector/rate", "Records a second up to the bucket", "records/s",
        f"{CONNECTIONS} connections over loopback send requests of {len(request()) / 1000:.0f} kB, {RECORDS} log records of Claude "
        f"Code each, as fast as each is answered, for {seconds} seconds: from the first octet until the last object is written. "
        "Senders, collector and versitygw, the store, share all cores; other programs of the machine meanwhile had "
        f"{100 * others:.0f}% of them. The second collector keeps its queue in memory, and all content.",
        rates, [Bound(f"at least {LEAST:,}, in each run: {least:,.0f}", least >= LEAST)], higher_is_better=True)
    yield Figure("collector/processor", "Processor time of the collector for a record", "µs",
                 "In the same runs, of all threads, up to the last object.", series(lambda run: run.microseconds))
    peaks = series(lambda run: run.peak)
    yield Figure("collector/memory", "Peak memory of the collector", "MiB",
                 "In the same runs: the most resident memory, the mapped file of the queue included.", peaks,
                 [Bound(f"at most {MOST_MIB} MiB, the limit in `kubernetes.yaml`: {max(peaks[0].samples):.0f} MiB",
                        max(peaks[0].samples) <= MOST_MIB)])
    ours = next(iter(runs.values()))
    sent, arrived = sum(each.sent for each in ours), sum(each.arrived for each in ours)
    yield Figure("collector/loss", "Records in the bucket after runs at full speed", "records",
                 "In the same runs of the first collector: the records of all requests that it answered with 200, and those in the "
                 "bucket, by their numbers.", [Series("answered with 200", [float(sent)]), Series("arrived", [float(arrived)])],
                 [Bound(f"none lost: {sent - arrived}", sent == arrived)], higher_is_better=True)


def measure(effort: Effort) -> Iterator[Figure]:
    network = NetworkNamespace.of_this_thread()
    network.ip(f"link set lo up\naddress add {AT}/32 dev lo\naddress add {STORE_AT}/32 dev lo")
    seconds = effort.of(30, 1)
    runs = {name: [] for name in CONTENDERS}
    for number in range(effort.of(3, 1)):
        for name in turned(CONTENDERS, number):
            runs[name].append(Run(network, seconds, *CONTENDERS[name]))
    yield from figures(runs, seconds)
