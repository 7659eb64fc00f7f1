"""The time from the start of a boot until the agent's program runs, compared with the shell loops
that ostiary replaces."""

import os
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator

from bench.figures import Bound, Effort, Figure
from bench.network import RESOLVER, host, late_upstream, make_network, upstream
from bench.programs import OSTIARY
from bench.turns import PLAIN, first_output, in_turn
from support.project import ROOT

HOSTS = [host(number) for number in range(30)]
AGENT = ["echo", "here"]
NETFILTER = 12  # the protocol number

# The usual scripts: they resolve one host after the other, then load the rules.
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
# All contenders leave their rules behind, as in a container. Each starts as in a new one: without
# rules, without flows, which ostiary would list, and without files, which it would search.
FORGET_RULES = """
iptables -P OUTPUT ACCEPT
iptables -P FORWARD ACCEPT
iptables -F
! ipset -q list -n allowed || ipset destroy allowed
! nft list table inet ostiary || nft delete table inet ostiary
"""
HOW = ("From the start of the process to the first octet that the agent, `echo`, writes. {} hosts are allowed; the rules of "
       "the previous boot are gone. The shell loops resolve one host after the other with `dig` and then load the rules, "
       "with `iptables-restore`, or with `ipset` and `iptables`, for IPv4 alone and without a gate afterwards. ostiary "
       "resolves all hosts at once, starts its gate and tests that nothing else is open. ")


def boot_of(command, hosts):
    environment = {**PLAIN, "HOSTS": " ".join(hosts), "RESOLVER": RESOLVER}

    def sample():
        output, taken = first_output(command, environment)
        if output != b"here\n":
            raise RuntimeError(f"{command[:2]}: the agent did not run")
        subprocess.run(["sh", "-ec", FORGET_RULES], check=True, capture_output=True)
        forget_flows()
        return taken
    return sample


def forget_flows():
    request, acknowledge, delete_flows = 1, 4, 1 << 8 | 2  # NLM_F_…, IPCTNL_MSG_CT_DELETE
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER) as kernel:
        kernel.send(struct.pack("=IHHIIBBH", 20, delete_flows, request | acknowledge, 1, 0, socket.AF_UNSPEC, 0, 0))
        _, _, _, _, _, error = struct.unpack_from("=IHHIIi", kernel.recv(4096))
        if error:
            raise OSError(-error, "the flows could not be deleted")


def hide_files():
    """The agent can write to these folders, so the self-test searches them for sockets. In a new container they are
    empty, or nearly so; on a developer's machine they hold thousands of folders."""
    root = os.open(ROOT, os.O_PATH)
    for folder in ("/tmp", "/var/tmp", os.path.expanduser("~root")):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    if not ROOT.exists():
        ROOT.mkdir(parents=True)
        subprocess.run(["mount", "--no-canonicalize", "--bind", f"/proc/self/fd/{root}", str(ROOT)], check=True, pass_fds=[root])
    os.close(root)


def measure(effort: Effort) -> Iterator[Figure]:
    hosts = HOSTS[:effort.of(len(HOSTS), 3)]
    allow = [flag for host in hosts for flag in ("--allow", host)]
    ostiary = [OSTIARY, "run", "--no-derive", "--audit", "none", "--keep-rules", "always", *allow, "--", *AGENT]
    contenders = {"ostiary": boot_of(ostiary, hosts),
                  "dig and iptables-restore": boot_of(["sh", "-c", IPTABLES_LOOP, "sh", *AGENT], hosts),
                  "dig, ipset and iptables": boot_of(["sh", "-c", IPSET_LOOP, "sh", *AGENT], hosts)}
    hide_files()
    with tempfile.TemporaryDirectory() as folder:
        outside = make_network(folder)
        for late_by, least in ((0, 30), (20, 20)):
            with late_upstream(outside, late_by) if late_by else upstream(outside, folder, len(hosts)):
                ours, *theirs = in_turn(contenders, effort.of(20, 1))
            where = ("dnsmasq on the same machine" if late_by == 0 else
                     f"a stand-in that answers {late_by} ms late")
            yield Figure(
                f"boot/upstream-{late_by}-ms", f"Boot with {len(hosts)} hosts, upstream {late_by} ms away", "ms",
                HOW.format(len(hosts)) + f"The upstream is {where}.", [ours, *theirs],
                [Bound(f"{least} times as fast as {each.name}: {each.median / ours.median:.1f} times",
                       each.median >= least * ours.median) for each in theirs])
