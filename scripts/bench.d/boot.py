"""How long a boot takes until the agent's program runs, beside the shell loops that it replaces."""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from figures import Bound, Effort, Figure
from turns import OSTIARY, PLAIN, first_output, in_turn

HOSTS = [f"host{number}.bench.example" for number in range(30)]
RESOLVER = "192.0.2.53"
AGENT = ["echo", "here"]

# What people write today: ask for each host, one after the other, then load the rules.
IPTABLES_LOOP = """
set -e
rules="*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
-A OUTPUT -o lo -j ACCEPT"
for host in $HOSTS; do
  for address in $(dig +short A "$host" @$RESOLVER); do
    rules="$rules
-A OUTPUT -d $address -p tcp --dport 443 -j ACCEPT"
  done
done
printf '%s\\nCOMMIT\\n' "$rules" | iptables-restore
exec "$@"
"""
IPSET_LOOP = """
set -e
ipset create allowed hash:ip
for host in $HOSTS; do
  for address in $(dig +short A "$host" @$RESOLVER); do
    ipset add allowed "$address"
  done
done
iptables -P FORWARD DROP
iptables -P OUTPUT DROP
iptables -A OUTPUT -o lo -j ACCEPT
iptables -A OUTPUT -p tcp --dport 443 -m set --match-set allowed dst -j ACCEPT
exec "$@"
"""
# Everyone leaves rules behind, as in a container, and everyone finds none.
FORGET_RULES = """
iptables -P OUTPUT ACCEPT
iptables -P FORWARD ACCEPT
iptables -F
! ipset -q list -n allowed || ipset destroy allowed
! nft list table inet ostiary || nft delete table inet ostiary
"""
HOW = ("From the start of the process to the first octet that the agent writes, which is `echo`. {} hosts are allowed; "
       "the rules of the boot before are gone. The shell loops ask `dig` for one host after the other and then load the "
       "rules, with `iptables-restore`, or with `ipset` and `iptables`, for IPv4 alone and without a gate that goes on; "
       "ostiary asks for all at once, starts its gate and tests that nothing else is open. ")


def make_network(folder):
    for command in (["mount", "-t", "tmpfs", "tmpfs", "/run"],
                    ["ip", "link", "set", "lo", "up"],
                    ["ip", "link", "add", "bench", "type", "veth", "peer", "name", "far"],
                    ["ip", "address", "add", RESOLVER + "/24", "dev", "bench"],
                    ["ip", "link", "set", "bench", "up"],
                    ["ip", "link", "set", "far", "up"],
                    ["ip", "route", "add", "default", "dev", "bench"]):
        subprocess.run(command, check=True)
    conf = pathlib.Path(folder, "resolv.conf")
    conf.write_text(f"nameserver {RESOLVER}\n")
    subprocess.run(["mount", "--bind", str(conf), "/etc/resolv.conf"], check=True)


@contextlib.contextmanager
def upstream(late_by):
    """A resolver at our own address that knows every host and answers so many milliseconds late."""
    late = [sys.executable, str(pathlib.Path(__file__).with_name("late_dns.py")), RESOLVER, str(late_by)]
    at_once = ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--user=root", "--conf-file=/dev/null",
               "--pid-file=", "--bind-interfaces", "--listen-address=" + RESOLVER,
               *(f"--host-record={host},198.51.100.{number + 1}" for number, host in enumerate(HOSTS))]
    server = subprocess.Popen(late if late_by else at_once)
    try:
        await_answer()
        yield
    finally:
        server.terminate()
        server.wait()


def await_answer():
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        asked = subprocess.run(["dig", "+short", "+tries=1", "+time=1", HOSTS[0], "@" + RESOLVER],
                               capture_output=True, check=False)
        if asked.stdout == b"198.51.100.1\n":
            return
        time.sleep(0.05)
    raise RuntimeError("the resolver does not answer")


def boot_of(command, hosts):
    environment = {**PLAIN, "HOSTS": " ".join(hosts), "RESOLVER": RESOLVER}

    def sample():
        output, taken = first_output(command, environment)
        if output != b"here\n":
            raise RuntimeError(f"{command[:2]}: the agent did not run")
        subprocess.run(["sh", "-ec", FORGET_RULES], check=True, capture_output=True)
        return taken
    return sample


def measure(effort: Effort) -> Iterator[Figure]:
    hosts = HOSTS[:effort.of(len(HOSTS), 3)]
    allow = [flag for host in hosts for flag in ("--allow", host)]
    ostiary = [OSTIARY, "run", "--no-derive", "--audit", "none", "--keep-rules", "always", *allow, "--", *AGENT]
    contenders = {"ostiary": boot_of(ostiary, hosts),
                  "dig and iptables-restore": boot_of(["sh", "-c", IPTABLES_LOOP, "sh", *AGENT], hosts),
                  "dig, ipset and iptables": boot_of(["sh", "-c", IPSET_LOOP, "sh", *AGENT], hosts)}
    with tempfile.TemporaryDirectory() as folder:
        make_network(folder)
        for late_by, least in ((0, 30), (20, 20)):
            with upstream(late_by):
                ours, *theirs = in_turn(contenders, effort.of(20, 1))
            where = ("dnsmasq on the same machine" if late_by == 0 else
                     f"a stand-in that answers {late_by} ms late")
            yield Figure(
                f"boot/upstream-{late_by}-ms", f"Boot with {len(hosts)} hosts, upstream {late_by} ms away", "ms",
                HOW.format(len(hosts)) + f"The upstream is {where}.", [ours, *theirs],
                [Bound(f"{least} times as fast as {each.name}: {each.median / ours.median:.1f} times",
                       each.median >= least * ours.median) for each in theirs])
