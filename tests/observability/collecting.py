"""container/collector with a bucket: what its tests share."""

import http.client
import json

from support import otlp
from support.objects import REGION, ROOT, Store, User, bucket_policy
from support.otelcol import OtelCollector
from support.project import ROOT as TREE
from support.relayed import AT
from support.telemetry import MARKER

FILES = TREE / "container" / "collector"
STORE_AT = "198.51.100.88"
BUCKET = "acme-telemetry"
WRITER, READER = User("writer", "writers-secret"), User("reader", "readers-secret")
PORTS = {"grpc": 8317, "http": 8318}


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
    tokens = directory / "tokens"
    tokens.write_text(f"{MARKER}  the agents\n")
    found = {"COLLECTOR_TRANSPORT": "plain", "COLLECTOR_TOKENS": tokens, "COLLECTOR_QUEUE": directory / "queue",
             "COLLECTOR_BATCH_TIME": "300ms", "COLLECTOR_HEALTH": f"{AT}:13133", "S3_REGION": REGION, "S3_BUCKET": BUCKET,
             **{f"COLLECTOR_{form.upper()}": f"{AT}:{port}" for form, port in PORTS.items()}}
    if store:
        found |= {"S3_ENDPOINT": store.url, "S3_PATH_STYLE": "true", **WRITER.environment()}
    return {name: str(value) for name, value in (found | more).items() if value is not None}


def collector(network, directory, kind="to-s3", **env):
    return OtelCollector(network, directory, FILES / "receive.yaml", FILES / f"{kind}.yaml", env=env)


def post(network, signal, value, token=MARKER):
    """Posts a request in JSON, and returns the status of the answer."""
    with network.entered():
        server = http.client.HTTPConnection(AT, PORTS["http"], timeout=10)
        server.request("POST", f"/v1/{signal}", json.dumps(value), {
            "Content-Type": "application/json", "Authorization": f"Bearer {token}"})
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
