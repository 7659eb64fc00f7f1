"""The relays: ostiary and its peers, each in a host of its own, and the server of all of them."""

import json
import os
import pathlib
import socket
import struct
import tempfile
import time

from bench.dns.hosts import Host
from bench.programs import OSTIARY, TOOLS
from support.authority import Authority
from support.link import add_veth
from support.processes import children, field

CORES = sorted(os.sched_getaffinity(0))
# A relay has a core; its client and its server share another.
OTHERS_CORE, RELAYS_CORE = CORES[0], CORES[-1]
PORT = 8443
NAME = "server.bench.example"  # nginx finds no address in a certificate
CREDENTIAL = "a-credential-of-the-benchmark"
FIRST_RECORD = 4096  # in the server's file
CLIENT, SERVER = (TOOLS / "relay" / f"relay_{name}" for name in ("client", "server"))


def await_port(host, address, port, patience=20):
    deadline = time.monotonic() + patience
    while True:
        with host.network.entered():
            asker = socket.socket()
        with asker:
            asker.settimeout(1)
            if asker.connect_ex((address, port)) == 0:
                return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{address}:{port} does not answer")
        time.sleep(0.02)


class Outside(Host):
    """The collector and the API, over TLS, for all hosts that are connected."""

    def __init__(self, folder, hosts):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.addresses = [(f"192.0.2.{4 * number + 1}", f"192.0.2.{4 * number + 2}") for number in range(hosts)]
        self.authority = Authority(self.folder, [NAME, *(near for near, _ in self.addresses)])
        self.certificate = self.authority.certificate
        self.free = iter(enumerate(self.addresses))
        self.records = self.folder / "records"
        self.server = None

    def connect(self, host):
        """Returns the server's address."""
        number, (near, far) = next(self.free)
        add_veth(self.network, f"host{number}", [near + "/30"], host.network, "outside", [far + "/30"], [near])
        return near

    def serve(self, core=OTHERS_CORE):
        self.server = self.start(SERVER, "0.0.0.0", PORT, self.records, self.folder / "host.pem",
                                 self.folder / "host.key", core=core)
        await_port(self, "127.0.0.1", PORT)

    def kill(self):
        self.processes.remove(self.server)
        self.server.kill()
        self.server.wait()
        self.server = None

    def counts(self):
        """How many records came, and the time of the last post in nanoseconds."""
        with self.records.open("rb") as file:
            return struct.unpack("=QQ", file.read(16))

    def distinct_records(self):
        with self.records.open("rb") as file:
            file.seek(FIRST_RECORD)
            octets = file.read()
        return len(octets) - octets.count(0)

    def forget_records(self):
        """The server has the file mapped: its size stays."""
        with self.records.open("r+b") as file:
            file.write(bytes(os.fstat(file.fileno()).st_size))


class Contender:
    """Takes requests at `address` and `port` in its own host."""
    name = ""
    program = ""
    address, port, api_port = "127.0.0.1", 8080, 8080
    authority = "-"  # of the address, if it is over TLS

    def __init__(self, outside):
        self.host = Host()
        self.folder = tempfile.TemporaryDirectory()
        os.chmod(self.folder.name, 0o755)
        self.server = outside.connect(self.host)
        self.certificate = outside.certificate
        self.process = self.start()
        self.await_start()

    def await_start(self):
        await_port(self.host, self.address, self.port)

    def start(self):
        raise NotImplementedError

    def launch(self, *words, **more):
        with self.file("log").open("wb") as log:
            return self.host.start(*words, stdout=log, stderr=log, core=RELAYS_CORE, **more)

    def file(self, name, text=""):
        path = pathlib.Path(self.folder.name, name)
        path.write_text(text)
        return path

    def client(self, what, port, *words):
        return json.loads(self.host.run(CLIENT, what, self.address, port, self.authority, *words, core=OTHERS_CORE))

    def posts(self, count, first=0, connections=1, gap_us=0):
        return self.client("posts", self.port, connections, count, first, gap_us)

    def streams(self, count):
        return self.client("streams", self.api_port, count)

    def processes(self):
        """Of the relay, each parent before its children."""
        return list(with_descendants(self.process.pid))

    def close(self):
        self.host.close()
        self.folder.cleanup()


def with_descendants(pid):
    yield pid
    for child in children(pid):
        yield from with_descendants(child)


class Ostiary(Contender):
    name = "ostiary"
    port, api_port = 15354, 15355
    telemetry, api = True, True

    def start(self):
        # No name is asked for: the servers are addresses.
        self.host.run("mount", "--bind", self.file("resolv.conf", f"nameserver {self.server}\n"), "/etc/resolv.conf")
        url = f"https://{self.server}:{PORT}"
        environment = {"PATH": os.environ["PATH"], "HOME": "/root", "SSL_CERT_FILE": str(self.certificate)}
        if self.telemetry:
            environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
                            "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {CREDENTIAL}",
                            "OTEL_RESOURCE_ATTRIBUTES": "team=blue"}
        if self.api:
            environment |= {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": CREDENTIAL}
        return self.launch(OSTIARY, "run", "--no-derive", "--audit", self.file("audit"), "--audit-otlp", "off",
                           "--api-relay", "on" if self.api else "off", "--user", "nobody", "--workdir", "/",
                           "--", "sleep", "infinity", env=environment)

    def relays(self):
        """The relay's processes, the parent first."""
        return [pid for pid in self.processes() if field(pid, "Name") == "ostiary-relay"]


class Nginx(Contender):
    name = "nginx"
    program = "nginx"

    def start(self):
        folder = self.folder.name
        temporary = "".join(f"  {kind}_temp_path {folder}/{kind};\n"
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return self.launch(self.program, "-e", "stderr", "-p", folder, "-c", self.file("nginx.conf", f"""
daemon off;
user root;
worker_processes 1;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 256; }}
http {{
{temporary}
  access_log off;
  client_max_body_size 8m;
  client_body_buffer_size 256k;
  keepalive_requests 1000000;
  upstream servers {{
    server {self.server}:{PORT};
    keepalive 16;
    keepalive_requests 1000000;
  }}
  server {{
    listen {self.address}:{self.port};
    location / {{
      proxy_pass https://servers;
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer {CREDENTIAL}";
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate {self.certificate};
      proxy_ssl_name {NAME};
    }}
  }}
}}
"""))


class Haproxy(Contender):
    name = "haproxy"
    program = "haproxy"

    def start(self):
        return self.launch(self.program, "-db", "-f", self.file("haproxy.cfg", f"""
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
  option http-no-delay
frontend here
  bind {self.address}:{self.port}
  default_backend servers
backend servers
  http-request set-header Authorization "Bearer {CREDENTIAL}"
  server one {self.server}:{PORT} ssl verify required ca-file {self.certificate} verifyhost {NAME}
"""))


class Direct(Contender):
    """No relay: the client speaks TLS with the server."""
    name = "directly over TLS"
    port, api_port = PORT, PORT

    def start(self):
        self.address = self.server
        self.authority = str(self.certificate)


class Sink(Contender):
    """No relay and no TLS: a server on loopback takes the posts."""
    name = "a sink on loopback"

    def start(self):
        return self.launch(SERVER, self.address, self.port, pathlib.Path(self.folder.name, "records"))
