"""What a boot costs, side by side with its peers. Runs as root in mount and network namespaces of its own."""

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

OSTIARY = os.environ["OSTIARY_BINARY"]
HOSTS = [f"host{number}.bench.example" for number in range(30)]
RESOLVER = "192.0.2.53"

# What people write today: ask for each host, one after the other, then load the rules.
SHELL_LOOP = """
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
exec true
"""
# Both leave their rules, as in a container, and both find none.
FORGET_RULES = ["sh", "-c", "iptables -P OUTPUT ACCEPT; iptables -P FORWARD ACCEPT; iptables -F; "
                            "nft delete table inet ostiary || true"]


def milliseconds(command, environment):
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000


def side_by_side(name, ours, peer, peer_name, runs):
    """Ours and the peer's in turn, so that a slow moment meets both."""
    pairs = []
    for attempt in range(runs + 1):
        pair = []
        for each in (ours, peer):
            pair.append(milliseconds(*each))
            subprocess.run(FORGET_RULES, check=True, stderr=subprocess.DEVNULL)
        if attempt > 0:  # the first warms up
            pairs.append(pair)
    mine, its = (statistics.median(column) for column in zip(*pairs))
    print(f"{name}: ostiary {mine:.2f} ms, {peer_name} {its:.2f} ms, "
          f"difference {mine - its:+.2f} ms, ratio {its / mine:.1f} (medians of {runs})")


def make_network(folder):
    """A resolver at zero distance that knows every host, and a resolv.conf that names it."""
    for command in (["ip", "link", "set", "lo", "up"],
                    ["ip", "link", "add", "bench", "type", "veth", "peer", "name", "far"],
                    ["ip", "address", "add", RESOLVER + "/24", "dev", "bench"],
                    ["ip", "link", "set", "bench", "up"],
                    ["ip", "link", "set", "far", "up"],
                    ["ip", "route", "add", "default", "dev", "bench"]):
        subprocess.run(command, check=True)
    addresses = [f"--host-record={host},198.51.100.{number + 1}" for number, host in enumerate(HOSTS)]
    resolver = subprocess.Popen(["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--user=root",
                                 "--conf-file=/dev/null", "--pid-file=", "--bind-interfaces",
                                 "--listen-address=" + RESOLVER, *addresses])
    conf = pathlib.Path(folder, "resolv.conf")
    conf.write_text(f"nameserver {RESOLVER}\n")
    subprocess.run(["mount", "--bind", str(conf), "/etc/resolv.conf"], check=True)
    asked = ["dig", "+short", "+tries=1", "+time=1", HOSTS[0], "@" + RESOLVER]
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if subprocess.run(asked, capture_output=True, check=False).stdout.startswith(b"198.51.100.1"):
            return resolver
    sys.exit("the resolver does not answer")


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    plain = {"PATH": os.environ["PATH"], "HOME": "/root"}
    allow = [flag for host in HOSTS for flag in ("--allow", host)]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        side_by_side("PID 1 alone", ([OSTIARY, "run", "--gate", "off", "--", "true"], plain),
                     (["tini", "-s", "--", "true"], plain), "tini", runs)
        resolver = make_network(folder)
        try:
            boot = [OSTIARY, "run", "--no-derive", "--audit", "none", "--keep-rules", "always", *allow, "--", "true"]
            loop = {**plain, "HOSTS": " ".join(HOSTS), "RESOLVER": RESOLVER}
            side_by_side("boot with 30 hosts, upstream at zero distance", (boot, plain),
                         (["sh", "-c", SHELL_LOOP], loop), "dig and iptables-restore", runs)
        finally:
            resolver.terminate()
            resolver.wait()


if __name__ == "__main__":
    main()
