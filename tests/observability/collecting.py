"""container/collector and a collector that writes to files: what their tests share."""

import base64
import http.client
import json
import re
import ssl

from support import otlp
from support.objects import REGION, ROOT, Store, User, bucket_policy
from support.otelcol import OtelCollector, written
from support.project import ROOT as TREE
from support.relayed import AT
from support.telemetry import INSTANCE, MARKER

FILES = TREE / "container" / "collector"
STORE_AT = "198.51.100.88"
BUCKET = "acme-telemetry"
WRITER, READER = User("writer", "writers-secret"), User("reader", "readers-secret")
PORTS = {"grpc": 8317, "http": 8318}
TEAMS = {"blue": MARKER, "red": "reds:password"}
RUNTIME = dict(re.findall(r"^(GO[A-Z]+)=(.*)$", (FILES / "common.env").read_text(), re.M))


def bucket(network, directory):
    """A store with one bucket, its writer and its reader."""
    directory.mkdir()
    store = Store(network, STORE_AT, directory)
    owner = store.as_user(ROOT)
    owner.create_bucket(Bucket=BUCKET)
    statements = []
    for name, user in (("writer", WRITER), ("reader", READER)):
        store.add_user(user)
        statements += bucket_policy(json.loads((FILES / "s3" / f"{name}.json").read_text()), user, BUCKET)
    owner.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    return store


def settings(directory, store=None, **more):
    """The environment of a collector. A value None leaves a variable out."""
    tokens, teams = directory / "tokens", directory / "teams"
    tokens.write_text(f"{MARKER}  the agents\n")
    teams.write_text("".join(f"{team}:{password}\n" for team, password in TEAMS.items()))
    found = {"COLLECTOR_TRANSPORT": "plain", "COLLECTOR_TOKENS": tokens, "COLLECTOR_TEAMS": teams, "COLLECTOR_QUEUE": directory / "queue",
             "COLLECTOR_BATCH_TIME": "300ms", "COLLECTOR_HEALTH": f"{AT}:13133", "S3_REGION": REGION, "S3_BUCKET": BUCKET,
             **RUNTIME, **{f"COLLECTOR_{form.upper()}": f"{AT}:{port}" for form, port in PORTS.items()}}
    if store:
        found |= {"S3_ENDPOINT": store.url, "S3_PATH_STYLE": "true", **WRITER.environment()}
    return {name: str(value) for name, value in (found | more).items() if value is not None}


def collector(network, directory, kind="to-s3", **env):
    return OtelCollector(network, directory, FILES / "receive.yaml", FILES / f"{kind}.yaml", env=env)


# A collector that writes what arrives to files -------------------------------------------------------------------------

AUTHENTICATORS = ("bearertokenauth", "basicauth")
TO_FILES = """
receivers:
  otlp:
    protocols:
      http: &server
        endpoint: {at}:{http}
        auth: {{authenticator: {auth}}}
        {tls}
      grpc:
        <<: *server
        endpoint: {at}:{grpc}
exporters: {{ {exporters} }}
extensions:
  bearertokenauth: {{token: {token}}}
  basicauth: {{htpasswd: {{inline: "{instance}:{token}"}}}}
service:
  extensions: [{auth}]
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{ {pipelines} }}
"""


def to_files(directory, ports=PORTS, auth="bearertokenauth", tls=""):
    """Its configuration. It asks for MARKER."""
    exporters = ", ".join(f"file/{signal}: {{path: {directory / signal}.jsonl, flush_interval: 50ms}}" for signal in otlp.SIGNALS)
    pipelines = ", ".join(f"{signal}: {{receivers: [otlp], exporters: [file/{signal}]}}" for signal in otlp.SIGNALS)
    return TO_FILES.format(at=AT, auth=auth, tls=tls, exporters=exporters, pipelines=pipelines, instance=INSTANCE, token=MARKER, **ports)


def tls_of(authority, clients=""):
    return f"tls: {{cert_file: {authority.host}, key_file: {authority.host_key}{clients}}}"


def arrived(directory, signal):
    return written(directory / f"{signal}.jsonl", signal)


# Requests ---------------------------------------------------------------------------------------------------------------


def basic(team, password):
    return "Basic " + base64.b64encode(f"{team}:{password}".encode()).decode()


def post(network, signal, value, at=AT, authority=None, token=MARKER, authorization=None):
    """Posts a request in JSON, over TLS if there is a file of an authority, and returns the status of the answer."""
    with network.entered():
        server = http.client.HTTPSConnection(at, PORTS["http"], timeout=10, context=ssl.create_default_context(cafile=authority)) \
            if authority else http.client.HTTPConnection(at, PORTS["http"], timeout=10)
        server.request("POST", f"/v1/{signal}", json.dumps(value), {
            "Content-Type": "application/json", "Authorization": authorization or f"Bearer {token}"})
        return server.getresponse().status


def stored(store, signal):
    """The requests in the bucket, as its reader reads them: (key, JSON)."""
    reader = store.as_user(READER)
    return [(key, json.loads(reader.read(BUCKET, key))) for key in reader.keys(BUCKET)
            if key.startswith(f"claude-code/{signal}/")]


def records(signal, requests):
    """Each span, metric or log record with its resource and scope, as sorted text."""
    groups, scopes, items = otlp.LISTS[signal]
    return sorted(json.dumps([group["resource"], scope["scope"], item], sort_keys=True)
                  for request in requests for group in request[groups] for scope in group[scopes] for item in scope[items])


def names(signal, requests):
    return sorted(item.name for request in requests for group in otlp.from_json(signal, json.dumps(request))
                  for item in group.items)
