"""kubernetes-nodes.yaml in front of kubernetes.yaml: two real collectors with the manifests' environments. What a node's collector
has answered with success is in the bucket, though the central one is down for a while and the node's is killed meanwhile."""

import pytest

from observability.collecting import BUCKET, FILES, PORTS, RUNTIME, WRITER, post, records, stored
from observability.test_kubernetes import CENTRAL, NODES
from support.authority import Authority
from support.objects import REGION
from support.otelcol import OtelCollector
from support.otlp import LISTS, SIGNALS
from support.relayed import AT
from support.telemetry import MARKER
from support.waiting import eventually

NODE_AT = "198.51.100.78"
PATIENCE = 60
OWN_METRICS_OFF = "service: { telemetry: { metrics: { level: none } } }\n"  # both would listen at the same port of one host
TOKENS = {NODES: MARKER, CENTRAL: "of-the-nodes"}


def request(signal, number):
    """As a collector writes it."""
    groups, scopes, items = LISTS[signal]
    named = [{"key": "number", "value": {"intValue": str(number)}}]
    item = {
        "traces": {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": f"{number + 1:016x}", "name": "work",
                   "attributes": named, "status": {}},
        "metrics": {"name": "tokens", "sum": {"aggregationTemporality": 1, "dataPoints": [{"attributes": named, "asInt": "5"}]}},
        "logs": {"body": {"stringValue": "claude_code.api_request"}, "attributes": named}}[signal]
    resource = {"attributes": [{"key": "team", "value": {"stringValue": "blue"}}]}
    return {groups: [{"resource": resource, scopes: [{"scope": {"name": "test"}, items: [item]}]}]}


class Tier:
    """A collector with the environment of a manifest. The directory has its secrets."""

    def __init__(self, network, directory, manifest, at, **more):
        self.network, self.directory, self.manifest, self.at = network, directory, manifest, at
        directory.mkdir()
        self.authority = Authority(directory, [at])
        (directory / "tokens").write_text(f"{TOKENS[manifest]}\n")
        self.env = RUNTIME | manifest.env | {
            "COLLECTOR_TOKENS": directory / "tokens", "COLLECTOR_CERTIFICATE": self.authority.host,
            "COLLECTOR_KEY": self.authority.host_key, "COLLECTOR_QUEUE": directory / "queue", "COLLECTOR_HEALTH": f"{at}:13133",
            **{f"COLLECTOR_{form.upper()}": f"{at}:{port}" for form, port in PORTS.items()}} | more
        self.running = None

    def up(self):
        env = {name: str(value) for name, value in self.env.items()}
        self.running = OtelCollector(self.network, self.directory, FILES / "receive.yaml", FILES / f"{self.manifest.kind}.yaml",
                                     OWN_METRICS_OFF, env=env)

    def kill(self):
        if self.running and self.running.running():
            self.running.kill()


@pytest.fixture
def tiers(internet, tmp_path, store):
    (tmp_path / "aws").write_text("[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n".format(*WRITER))
    central = Tier(internet.network, tmp_path / "central", CENTRAL, AT, S3_REGION=REGION, S3_BUCKET=BUCKET, S3_ENDPOINT=store.url,
                   S3_PATH_STYLE="true", COLLECTOR_BATCH_TIME="300ms", AWS_SHARED_CREDENTIALS_FILE=tmp_path / "aws")
    (tmp_path / "token").write_text(TOKENS[CENTRAL])
    node = Tier(internet.network, tmp_path / "node", NODES, NODE_AT, OTLP_GRPC_ENDPOINT=f"https://{AT}:{PORTS['grpc']}",
                OTLP_TOKEN=tmp_path / "token", SSL_CERT_FILE=central.authority.certificate)
    yield central, node
    node.kill()
    central.kill()


def post_all(node, numbers):
    for number in numbers:
        for signal in SIGNALS:
            assert post(node.network, signal, request(signal, number), node.at, node.authority.certificate) == 200


def await_all(store, numbers):
    """A batch may arrive twice."""
    for signal in SIGNALS:
        sent = records(signal, [request(signal, number) for number in numbers])
        eventually(lambda: sorted(set(records(signal, [found for _, found in stored(store, signal)]))) == sent,
                   f"all {signal} are in the bucket as they were sent", PATIENCE)


def test_what_a_node_has_answered_is_in_the_bucket(tiers, store):
    central, node = tiers
    central.up()
    node.up()
    assert "\twarn\t" not in node.running.log()
    post_all(node, range(3))
    await_all(store, range(3))
    central.kill()
    post_all(node, range(3, 6))
    eventually(lambda: "Exporting failed. Will retry" in node.running.log(), "the node's collector finds the other down", PATIENCE)
    node.kill()
    node.up()
    post_all(node, range(6, 9))
    central.up()
    await_all(store, range(9))


def test_the_agents_token_is_not_that_of_the_central_collectors(tiers):
    central, node = tiers
    central.up()
    node.up()
    for tier, other in (tiers, reversed(tiers)):
        assert post(tier.network, "logs", request("logs", 0), tier.at, tier.authority.certificate, TOKENS[other.manifest]) == 401
