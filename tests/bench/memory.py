"""The memory and the wake-ups of an idle ostiary, with few and with many names."""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator

from bench.figures import Bound, Effort, Figure, Series
from bench.network import DNSMASQ, RESOLVER, answers_with_address, await_answer, host, make_network, upstream
from bench.programs import COREDNS, OSTIARY
from bench.turns import PLAIN
from support.processes import children, proportional_set_size

LOOPBACK = "127.0.0.1"
FEW = 30
SETTLED = 1.5  # seconds; the keeper releases the memory of the boot


@contextlib.contextmanager
def ostiary(folder, hosts):
    """The processes of a session that allows this many hosts: keeper and gate."""
    policy = pathlib.Path(folder, "policy.json")
    policy.write_text(json.dumps({"allow": [{"host": host(number), "private": True} for number in range(hosts)]}))
    command = [OSTIARY, "run", "--no-derive", "--audit", "none", "--policy", str(policy), "--resolve-timeout", "60",
               "--user", "nobody", "--workdir", "/", "--", "sh", "-c", "echo ready; read end"]
    with subprocess.Popen(command, env=PLAIN, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True) as keeper:
        if keeper.stdout.readline() != "ready\n":
            raise RuntimeError("the agent did not run")
        gate, = (pid for pid in children(keeper.pid)
                 if pathlib.Path(f"/proc/{pid}/cmdline").read_text().startswith("ostiary-gate"))
        yield [keeper.pid, gate]
        keeper.stdin.close()


@contextlib.contextmanager
def dnsmasq(folder, hosts):
    """dnsmasq with the same job: it answers these names only, and puts each address into an
    nftables set."""
    subprocess.run(["nft", "add table inet gate; add set inet gate allow4 { type ipv4_addr; }"], check=True)
    config = pathlib.Path(folder, "dnsmasq.conf")
    rules = "".join(f"server=/{host(number)}/{RESOLVER}\nnftset=/{host(number)}/4#inet#gate#allow4\n"
                    for number in range(hosts))
    config.write_text(f"address=/#/\ncache-size={max(hosts, 150)}\n{rules}")
    try:
        with subprocess.Popen([*DNSMASQ, f"--conf-file={config}", "--listen-address=" + LOOPBACK]) as server:
            await_answer(LOOPBACK)
            yield [server.pid]
            server.terminate()
    finally:
        subprocess.run(["nft", "delete table inet gate"], check=True)


@contextlib.contextmanager
def coredns(folder, hosts):
    """A cache only: it has no set, and answers for every name."""
    config = pathlib.Path(folder, "Corefile")
    config.write_text(f""".:53 {{
  bind {LOOPBACK}
  forward . {RESOLVER}
  cache 3600 {{
    success {2 * max(hosts, 9984)}
  }}
}}
""")
    with subprocess.Popen([COREDNS, "-quiet", "-conf", config], stdout=subprocess.DEVNULL) as server:
        await_answer(LOOPBACK)
        yield [server.pid]
        server.terminate()


CONTENDERS = {"ostiary": ostiary, "dnsmasq": dnsmasq}
if COREDNS.exists():
    CONTENDERS["CoreDNS"] = coredns


def mebibytes(pids):
    return sum(map(proportional_set_size, pids)) / 1024


def held(effort, folder, hosts) -> list[Series]:
    """The memory of each contender, with this many rules and cached names."""
    everyone = [Series(name, []) for name in CONTENDERS]
    for _ in range(effort.of(5, 1)):
        for series, contender in zip(everyone, CONTENDERS.values()):
            with contender(folder, hosts) as processes:
                if not all(answers_with_address(LOOPBACK, number) for number in range(hosts)):
                    raise RuntimeError(f"{series.name} does not answer for every host")
                time.sleep(SETTLED)
                series.samples.append(mebibytes(processes))
    return everyone


def memory(key, title, everyone, most) -> Figure:
    ours = everyone[0].median
    return Figure(
        f"memory/{key}", title, "MiB",
        "Proportional set size of keeper and gate together; of dnsmasq, with a `server` and an `nftset` for each host and "
        "no answers for others; and of CoreDNS, which is only a cache. Every host has an address of its own and has been "
        "asked for, so that it is in the cache and its address in the kernel's set (not with CoreDNS).",
        everyone, [Bound(f"below {most} MiB: {ours:.1f} MiB", ours < most)])


def sleeps_ended(processes):
    """The number of times that a thread of these processes went to sleep voluntarily."""
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s(\d+)", status.read_text(), re.M)[1])
               for pid in processes for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"))


def wakes(effort, folder) -> Figure:
    seconds = effort.of(60, 1)
    everyone = []
    for name, contender in CONTENDERS.items():
        with contender(folder, FEW) as processes:
            time.sleep(SETTLED)
            before = sleeps_ended(processes)
            time.sleep(seconds)
            everyone.append(Series(name, [float(sleeps_ended(processes) - before)]))
    ours = everyone[0].median
    return Figure(
        "memory/wake-ups", "Wake-ups at rest", f"in {seconds} s",
        "Voluntary context switches of keeper and gate together, and of the other programs, while no client asks. "
        f"{FEW} hosts are allowed, and admitted for an hour; no timer is due.",
        everyone, [Bound(f"none: {ours:.0f}", ours == 0)])


def measure(effort: Effort) -> Iterator[Figure]:
    many = effort.of(10_000, 300)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        outside = make_network(folder)
        with upstream(outside, folder, many):
            yield memory("at-rest", f"Memory at rest, with {FEW} hosts", held(effort, folder, FEW), 8)
            yield memory("much-held", f"Memory with {many:,} rules and {many:,} cached names",
                         held(effort, folder, many), 20)
            yield wakes(effort, folder)
