"""docs/collector.md, Google Cloud Storage: its front end changes a header that the S3 exporter signs. A stand-in does the same in
front of a store: the exporter is refused there, and through versitygw its objects arrive."""

import socket
import socketserver
import threading

import pytest

from observability.collecting import BUCKET, collector, post, settings
from observability.test_to_a_backend import REQUESTS
from support.objects import REGION, ROOT, VERSITYGW, Store
from support.otelcol import Program, listens
from support.otlp import SIGNALS
from support.waiting import eventually

STORE, FRONT, GATEWAY = "198.51.100.88", "198.51.100.89", "198.51.100.90"
PATIENCE = 60
KEYS = {f"{role}_{kind}_KEY": value for role in ("ROOT", "VGW_S3") for kind, value in (("ACCESS", ROOT.key), ("SECRET", ROOT.secret))}


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    block_on_close = False


class FrontEnd:
    """Passes connections on, with another value of Accept-Encoding."""

    def __init__(self, network, address, to):
        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                with network.entered():
                    server = socket.create_connection(to)
                threading.Thread(target=_pass_on, args=(server, self.request), daemon=True).start()
                _pass_on(self.request, server,
                         lambda octets: octets.replace(b"Accept-Encoding: identity", b"Accept-Encoding: gzip(gfe)"))

        with network.entered():
            self._server = _Server((address, 7070), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def _pass_on(source, target, change=lambda octets: octets):
    try:
        while octets := source.recv(1 << 20):
            target.sendall(change(octets))
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one of the two has ended


@pytest.fixture
def network(internet):
    return internet.network


@pytest.fixture
def google(network, tmp_path):
    (tmp_path / "store").mkdir()
    store = Store(network, STORE, tmp_path / "store")
    store.as_user(ROOT).create_bucket(Bucket=BUCKET)
    front = FrontEnd(network, FRONT, (STORE, 7070))
    yield store.as_user(ROOT)
    front.close()
    store.down()


@pytest.fixture
def start(network, tmp_path):
    made = []

    def start(endpoint):
        made.append(collector(network, tmp_path, **settings(tmp_path, S3_ENDPOINT=f"http://{endpoint}:7070", S3_PATH_STYLE="true",
                                                            **ROOT.environment())))
        assert [post(network, signal, REQUESTS[signal]) for signal in SIGNALS] == [200, 200, 200]
        return made[-1]
    yield start
    for each in made:
        each.kill()


def test_the_exporter_alone_is_refused(google, start):
    running = start(FRONT)
    eventually(lambda: "SignatureDoesNotMatch" in running.log(), f"the signature is refused: {running.log()}", PATIENCE)
    assert google.keys(BUCKET) == []


def test_through_the_gateway_all_signals_arrive(google, network, start, tmp_path):
    gateway = Program(network, [
        VERSITYGW, "--port", f"{GATEWAY}:7070", "--region", REGION, "s3", "--endpoint", f"http://{FRONT}:7070", "--region", REGION,
        "--gcs-compatibility"], KEYS, tmp_path / "gateway.log")
    try:
        eventually(lambda: listens(network, GATEWAY, 7070) or not gateway.running(), "the gateway is up")
        running = start(GATEWAY)
        eventually(lambda: len(google.keys(BUCKET)) == 3, f"all arrives: {gateway.log()} {running.log()}", PATIENCE)
        assert {key.split("/")[1] for key in google.keys(BUCKET)} == set(SIGNALS)
    finally:
        gateway.kill()
