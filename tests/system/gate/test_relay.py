"""The relay: the agent's telemetry reaches the collector with the operator's credential and attributes, and
neither the agent nor its connections have them."""

import pytest

from support.authority import Authority
from support.behaviours import addresses
from support.collector import Collector
from support.protobuf import fields
from support.telemetry import MARKER, shows_a_secret
from support.waiting import eventually
from support.web import Web

COLLECTOR = "collector.example"
AT = "198.51.100.77"
RELAY = "127.0.0.1:15354"
HEADERS = {"OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {MARKER}"}

# Posts one request of telemetry, and prints the status.
POST = """
import http.client, sys
def message(number, content):
    return bytes([number << 3 | 2, len(content)]) + content
def attribute(key, value):
    return message(1, message(1, key) + message(2, message(1, value)))
relay = http.client.HTTPConnection("127.0.0.1", 15354, timeout=10)
span = message(5, sys.argv[1].encode())
body = message(1, message(1, attribute(b"service.name", b"forged") + attribute(b"host.name", b"agents")) +
                  message(2, message(2, span)))
relay.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf", "Authorization": "Bearer forged"})
print(relay.getresponse().status)
"""


class World:
    """A container, and a collector with TLS outside of it."""

    def __init__(self, container, internet, directory, tls=True):
        self.container, self.collector = container, Collector()
        self.authority = Authority(directory, [COLLECTOR])
        context = self.authority.server() if tls else None
        self.port = 8443 if tls else 8318
        self.web = Web(internet.network, AT, self.port, self.collector.over_http("/base"), context)
        internet.upstream.name(COLLECTOR, addresses(AT))
        container.write("/etc/authority.pem", self.authority.certificate.read_text())
        scheme = "https" if tls else "http"
        self.env = {**HEADERS, "SSL_CERT_FILE": "/etc/authority.pem",
                    "OTEL_EXPORTER_OTLP_ENDPOINT": f"{scheme}://{COLLECTOR}:{self.port}/base",
                    "OTEL_RESOURCE_ATTRIBUTES": "team=blue"}

    def start(self, who, *flags):
        self.agent = self.container.start_agent(*flags, who=who, env=self.env)
        return self.agent

    def post(self, name="work"):
        done = self.agent.run("/usr/bin/python3", "-IS", "-c", POST, name)
        assert done["status"] == 0, done
        return done["out"].strip()


@pytest.fixture
def world(new_container, internet, tmp_path):
    made = World(new_container(), internet, tmp_path)
    yield made
    made.web.close()


@pytest.fixture
def plain_world(new_container, internet, tmp_path):
    made = World(new_container(), internet, tmp_path, tls=False)
    yield made
    made.web.close()


def test_the_collector_gets_the_operators_credential_and_attributes(world, who):
    world.start(who)
    assert world.post() == "200"
    export, = eventually(lambda: world.collector.exports, "an export")
    assert export.headers["authorization"] == f"Bearer {MARKER}"
    assert export.headers["host"] == f"{COLLECTOR}:8443"
    resource = export.groups[0].resource
    assert resource["service.name"] == "claude-code" and resource["team"] == "blue"
    assert resource["host.name"] == "agents"
    assert [item.name for item in export.items()] == ["work"]


def test_without_tls_too(plain_world, who):
    plain_world.start(who)
    assert plain_world.post() == "200"
    export, = eventually(lambda: plain_world.collector.exports, "an export")
    assert export.headers["authorization"] == f"Bearer {MARKER}"
    assert export.headers["host"] == f"{COLLECTOR}:8318"
