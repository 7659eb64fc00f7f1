"""The DNS servers of the benchmarks: ostiary and its peers, each in a host of its own."""

import json
import os
import pathlib
import shutil
import tempfile
import time

from bench.dns.hosts import Host
from bench.programs import COREDNS, OSTIARY
from support.dns_wire import NoAddress, ask

DOMAIN = "bench.example"

# The minimum that an egress gate needs around a resolver that puts addresses into a set: DNS of
# other processes is redirected to the resolver, and only established flows, loopback, and packets
# to addresses of the set leave.
RULES = """
table inet gate {{
  set allow4 {{ type ipv4_addr; }}
  set allow6 {{ type ipv6_addr; }}
  chain nat {{
    type nat hook output priority -110; policy accept;
    ip daddr {upstream} accept
    meta l4proto {{ tcp, udp }} th dport 53 redirect to :{port}
  }}
  chain output {{
    type filter hook output priority 200; policy drop;
    ct state established,related accept
    ip daddr {upstream} udp dport 53 accept
    ct status dnat th dport {port} accept
    oifname lo accept
    ip daddr @allow4 tcp dport 443 accept
    ip6 daddr @allow6 tcp dport 443 accept
    counter reject
  }}
  chain forward {{ type filter hook forward priority 0; policy drop; }}
}}
"""


def answers(asker, number):
    try:
        return ask(asker, f"host{number:04}.{DOMAIN}")
    except (OSError, NoAddress):
        time.sleep(0.05)
        return None


class Server:
    """Answers on `port` of 127.0.0.1 in `host`. All clients are in the same host."""
    name = ""
    own_port = 53

    def __init__(self, upstream, core):
        self.host = Host()
        self.port = self.own_port
        self.folder = tempfile.TemporaryDirectory()
        self.upstream = upstream.connect(self.host)
        self.start(self.upstream, core)

    def start(self, upstream, core):
        raise NotImplementedError

    def launch(self, *words, **more):
        with self.file("log").open("wb") as log:
            return self.host.start(*words, stdout=log, stderr=log, **more)

    def file(self, name, text=""):
        path = pathlib.Path(self.folder.name, name)
        path.write_text(text)
        return path

    def await_answers(self, names=1):
        deadline = time.monotonic() + 20
        with self.host.asker("127.0.0.1", self.port) as asker:
            asker.settimeout(0.2)
            for number in range(names):
                while not answers(asker, number):
                    if time.monotonic() > deadline:
                        log = pathlib.Path(self.folder.name, "log").read_text()
                        raise RuntimeError(f"{self.name} does not answer: {log[-1000:]}")

    def close(self):
        self.host.close()
        self.folder.cleanup()


class Ostiary(Server):
    name = "ostiary"
    own_port = 15353
    entries = (f"*.{DOMAIN}",)
    options = ()

    def start(self, upstream, core):
        policy = self.file("policy.json", json.dumps({"allow": list(self.entries)}))
        resolv_conf = self.file("resolv.conf", f"nameserver {upstream}\n")
        self.host.run("mount", "--bind", resolv_conf, "/etc/resolv.conf")
        self.process = self.launch(
            OSTIARY, "run", "--no-derive", "--telemetry", "off", "--policy", policy, "--audit", self.file("audit"),
            "--log-level", "warn", *self.options, "--", "sleep", "infinity",
            core=core, env={"PATH": os.environ["PATH"], "HOME": "/root"})


class OstiaryThatKnows(Ostiary):
    """Has resolved its hosts before the agent starts, as a boot does for all names without a
    wildcard."""
    names = 1000
    entries = tuple(f"host{number:04}.{DOMAIN}" for number in range(names))


class Dnsmasq(Server):
    name = "dnsmasq --nftset"
    program = "dnsmasq"

    def start(self, upstream, core):
        if self.own_port == 53:
            self.host.run("nft", "-f", "-", input="add table inet gate; add set inet gate allow4 { type ipv4_addr; }")
        self.launch(self.program, "--keep-in-foreground", "--no-resolv", "--no-hosts", "--user=root",
                    "--conf-file=/dev/null", "--pid-file=", "--bind-interfaces", "--listen-address=127.0.0.1",
                    f"--port={self.port}", f"--server={upstream}", "--cache-size=10000",
                    f"--nftset=/{DOMAIN}/4#inet#gate#allow4", core=core)


class Unbound(Server):
    name = "unbound"
    program = "unbound"

    def start(self, upstream, core):
        self.launch(self.program, "-d", "-c", self.file("unbound.conf", f"""
server:
  interface: 127.0.0.1@{self.port}
  num-threads: 1
  do-ip6: no
  use-syslog: no
  verbosity: 0
  username: ""
  chroot: ""
  directory: "{self.folder.name}"
  pidfile: ""
  module-config: "iterator"
forward-zone:
  name: "."
  forward-addr: {upstream}
remote-control:
  control-enable: no
"""), core=core)


class CoreDns(Server):
    name = "CoreDNS"
    program = COREDNS

    def start(self, upstream, core):
        corefile = self.file("Corefile", f""".:{self.port} {{
  bind 127.0.0.1
  forward . {upstream}
  cache 86400
}}
""")
        self.launch("env", "GOMAXPROCS=1", self.program, "-quiet", "-conf", corefile, core=core)


def behind_rules(peer):
    """The same peer behind the rules of an egress gate."""
    class Gate(peer):
        name = peer.name + ", behind rules"
        own_port = Ostiary.own_port

        def start(self, upstream, core):
            self.host.run("nft", "-f", "-", input=RULES.format(upstream=upstream, port=self.port))
            super().start(upstream, core)

    return Gate


def peers():
    """The peers that are installed."""
    found = [each for each in (Dnsmasq, Unbound) if shutil.which(each.program)]
    if COREDNS.exists():
        found.append(CoreDns)
    return found
