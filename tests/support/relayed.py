"""The relay of a container, and a collector outside of it."""

from support import processes
from support.authority import Authority
from support.behaviours import addresses
from support.collector import Collector
from support.telemetry import MARKER
from support.waiting import eventually
from support.web import Web

COLLECTOR = "collector.example"
AT = "198.51.100.77"

# For the agent: posts one request of telemetry, or any octets, and prints the status of the answer.
CLIENT = """
import http.client, socket, sys
def message(number, content):
    return bytes([number << 3 | 2]) + varint(len(content)) + content
def varint(number):
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)
def pair(key, value):
    return message(1, key) + message(2, message(1, value))
def attribute(key, value):
    return message(1, pair(key, value))
def traces(span):
    resource = attribute(b"service.name", b"forged") + attribute(b"host.name", b"agents")
    return message(1, message(1, resource) + message(2, message(2, message(5, span.encode()))))
def logs(session, service=b"claude-code", scope=b"com.anthropic.claude_code.events"):
    record = message(2, message(6, pair(b"session.id", session.encode())))
    return message(1, message(1, attribute(b"service.name", service)) + message(2, message(1, message(1, scope)) + record))
def metrics(delta):
    point = message(7, pair(b"type", b"input")) + bytes([6 << 3 | 1]) + delta.to_bytes(8, "little")
    counter = message(7, message(1, point) + bytes([2 << 3, 1, 3 << 3, 1]))
    resource = message(1, attribute(b"service.name", b"forged"))
    return message(1, resource + message(2, message(2, message(1, b"tokens") + counter)))
def post_metrics(delta):
    return post_body("/v1/metrics", metrics(delta))
def post(span, path="/v1/traces", **fields):
    return post_body(path, traces(span), **fields)
def post_logs(*arguments, **how):
    return post_body("/v1/logs", logs(*arguments, **how))
def post_body(path, body, **fields):
    relay = http.client.HTTPConnection("127.0.0.1", 15354, timeout=10)
    relay.request("POST", path, body, {"Content-Type": "application/x-protobuf"} | fields)
    return relay.getresponse().status
def send(octets):
    with socket.create_connection(("127.0.0.1", 15354), 10) as relay:
        relay.sendall(octets)
        return int((relay.recv(12) + b"000000000000")[9:12])
def send_and_wait(octets):
    # While the relay is started again, a connection may be reset.
    try:
        return send(octets)
    except OSError:
        return 0
def post_again(span):
    while True:
        try:
            return post(span)
        except OSError:
            pass
"""


def connects(agent, port):
    """Whether this process can connect to the relay's port."""
    return agent.run("/bin/bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}")["status"] == 0


class World:
    """A container, and a collector outside of it."""

    def __init__(self, container, internet, directory, port, tls, at=AT, **env):
        self.container, self.internet, self.port, self.tls, self.at = container, internet, port, tls, at
        self.collector = Collector()
        self.authority = Authority(directory, [COLLECTOR])
        internet.upstream.name(COLLECTOR, addresses(at))
        internet.upstream.name("allowed.example", addresses("198.51.100.10"))
        container.write("/etc/authority.pem", self.authority.certificate.read_text())
        self.env = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{'https' if tls else 'http'}://{COLLECTOR}:{port}/base",
                    "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {MARKER}",
                    "OTEL_RESOURCE_ATTRIBUTES": "team=blue",
                    "SSL_CERT_FILE": "/etc/authority.pem"} | env
        self.web = None

    def serve(self, answer=None):
        self.web = Web(self.internet.network, self.at, self.port, answer or self.collector.over_http("/base"),
                       self.authority.server() if self.tls else None)

    def stop_serving(self):
        self.web.close()
        self.web = None

    def start(self, who, *flags):
        self.agent = self.container.start_agent(*flags, who=who, env=self.env)
        return self.agent

    def python(self, expression):
        return self.script(f"print({expression})")

    def script(self, text, seconds=10):
        """Runs it as the agent, with the client's functions. It must end within so many seconds."""
        done = self.agent.run("/usr/bin/python3", "-IS", "-c", f"{CLIENT}\n{text}", timeout=seconds, patience=seconds)
        assert done["status"] == 0, done
        return done["out"].strip()

    def post(self, span="work"):
        return self.python(f"post({span!r})")

    def spans(self):
        return [item.name for item in self.collector.items("traces")]

    def await_spans(self, *names):
        eventually(lambda: sorted(self.spans()) == sorted(names), f"{names} arrive, not {self.spans()}")

    def log(self):
        self.agent.session._pump(0)
        return self.agent.session.err.data.decode()

    def relays(self):
        """The relay's processes, the parent first."""
        found = processes.named(self.agent.session, "ostiary-relay")
        return sorted(found, key=lambda pid: processes.field(pid, "PPid") in map(str, found))
