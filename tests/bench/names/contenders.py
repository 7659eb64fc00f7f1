"""ostiary with and without the check of names, and proxies that check names, each in a host of its own; and the site
that all of them lead to."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import time

from bench.dns import servers
from bench.dns.hosts import Upstream
from bench.programs import TOOLS
from support.processes import children, proportional_set_size

CORES = sorted(os.sched_getaffinity(0))
CLIENT_CORE, SITE_CORE = CORES[0], CORES[-1]
# The upstream's first name, and its address.
HOST, ADDRESS, PORT = f"host0000.{servers.DOMAIN}", "198.51.100.1", 443
OTHER_HOST = "another.example"
CLIENT, SITE = (TOOLS / "names" / f"names_{name}" for name in ("client", "server"))
STREAM_MODULE = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")


class Outside(Upstream):
    """The site, and the upstream that knows its address."""

    def __init__(self, core):
        super().__init__()
        self.network.ip(f"address add {ADDRESS}/32 dev lo")
        self.start(SITE, ADDRESS, PORT, core=core)


class Contender(servers.Server):
    """All flows of its host to the site begin with a name that is checked, or not."""

    def __init__(self, outside, core=None):
        super().__init__(outside, core)
        for name, value in (("tcp_tw_reuse", 1), ("ip_local_port_range", "1024 65535")):  # for a proxy's own flows
            self.host.network.sysctl(f"ipv4/{name}", value)

    def command(self, what, count, milliseconds=0, host=HOST):
        return CLIENT, ADDRESS, PORT, host, what, count, milliseconds

    def client(self, *words, core=CLIENT_CORE):
        return json.loads(self.host.run(*self.command(*words), core=core))

    def await_start(self):
        self.await_flow()
        with contextlib.suppress(subprocess.CalledProcessError):
            self.host.run(*self.command("first", 1, host=OTHER_HOST))
            raise RuntimeError(f"{self.name}: a flow to {OTHER_HOST} passes")

    def await_flow(self):
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(subprocess.CalledProcessError):
                return self.client("first", 1)
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name}: no flow: {pathlib.Path(self.folder.name, 'log').read_text()[-1000:]}")
            time.sleep(0.05)

    @contextlib.contextmanager
    def held(self, count):
        """So many flows are open."""
        client = subprocess.Popen(self.host.inside(*self.command("hold", count)), stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        with client:
            if json.loads(client.stdout.readline() or "{}") != {"open": count}:
                raise RuntimeError(f"{self.name} does not hold {count} flows")
            yield
            client.stdin.close()

    def processes(self):
        """Of the program that checks names."""
        return with_descendants(self.process.pid)

    def memory(self):
        """In bytes."""
        return 1024 * sum(map(proportional_set_size, self.processes()))


def with_descendants(pid):
    return [pid, *(each for child in children(pid) for each in with_descendants(child))]


class Checked(Contender, servers.OstiaryThatKnows):
    name = "names checked"
    options = ("--check-names", "on")

    def await_start(self):
        self.await_answers(self.names)
        super().await_start()

    def processes(self):
        return [pid for pid in super().processes()
                if pathlib.Path(f"/proc/{pid}/cmdline").read_text().startswith("ostiary-gate")]


class Unchecked(Checked):
    name = "no check"
    options = ("--check-names", "off")

    def await_start(self):
        self.await_answers(self.names)
        self.await_flow()


class Proxy(Contender):
    """Gets redirected flows. Its own leave, as those of the only user that may."""
    own_port = 9443
    user, group = "nobody", "nogroup"
    rules = f"""
table inet gate {{
  chain nat {{
    type nat hook output priority -110; policy accept;
    meta skuid {user} accept
    tcp dport {PORT} redirect to :{own_port}
  }}
  chain output {{
    type filter hook output priority 200; policy drop;
    ct state established,related accept
    meta skuid {user} accept
    ct status dnat fib daddr type local tcp dport {own_port} accept
    oifname lo accept
    counter reject
  }}
}}
"""

    def start(self, upstream, core):
        os.chmod(self.folder.name, 0o755)
        self.host.run("nft", "-f", "-", input=self.rules)
        self.process = self.launch(*self.program_and_options(), core=core)

    def program_and_options(self):
        raise NotImplementedError


class Haproxy(Proxy):
    name = "haproxy"

    def program_and_options(self):
        return "haproxy", "-db", "-f", self.file("haproxy.cfg", f"""
global
  user {self.user}
  group {self.group}
  maxconn 4000
defaults
  mode tcp
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  option splice-auto
frontend here
  bind 127.0.0.1:{self.port} backlog 65535
  tcp-request inspect-delay 5s
  tcp-request content accept if {{ req.ssl_sni -i {HOST} }}
  tcp-request content reject if {{ req.ssl_hello_type 1 }}
  default_backend site
backend site
  server one {ADDRESS}:{PORT}
""")


class Nginx(Proxy):
    name = "nginx"

    def program_and_options(self):
        return "nginx", "-e", "stderr", "-p", self.folder.name, "-c", self.file("nginx.conf", f"""
load_module {STREAM_MODULE};
daemon off;
user {self.user} {self.group};
worker_processes auto;
pid {self.folder.name}/pid;
error_log stderr crit;
events {{ worker_connections 16000; }}
stream {{
  map $ssl_preread_server_name $site {{
    {HOST} {ADDRESS}:{PORT};
    default "";
  }}
  server {{
    listen 127.0.0.1:{self.port} backlog=65535;
    ssl_preread on;
    proxy_pass $site;
    proxy_timeout 600s;
  }}
}}
""")


def peers():
    """Those that are installed."""
    found = [Haproxy] if shutil.which("haproxy") else []
    return found + [Nginx] if shutil.which("nginx") and STREAM_MODULE.exists() else found
