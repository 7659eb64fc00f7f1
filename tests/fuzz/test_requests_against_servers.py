"""Compares the check of HTTP requests with servers that forgive much, on the same mutated streams.

Every run mutates the same streams in the same way. In a stream that the gate passes, no server finds a request for a host
that is not allowed. The servers: llhttp, node's parser, with all its leniency; and Python's http.server, which also serves
what the end of the connection cuts off.
"""

import contextlib
import http.server
import io
import json
import os
import random
import shutil
import struct
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from support.project import ROOT
from test_against_h11 import PARTS, mutate

VERDICTS = Path(os.environ.get("OSTIARY_REQUEST_VERDICTS", ROOT / "build" / "tests" / "fuzz" / "request_verdicts"))
SEED = 80
STREAMS = 30000
ALLOWED = {"a.example", "b.example", "a.example:80", "b.example:80"}

GET = b"GET /path?a=b HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\n\r\n"
EVIL = b"GET /evil HTTP/1.1\r\nHost: e.example\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: b.example\r\n"
REQUESTS = [
    GET, GET + GET, GET + EVIL, EVIL, EVIL + GET,
    GET + b"HEAD / HTTP/1.1\r\nHost: b.example:80\r\nConnection: keep-alive\r\n\r\n" + GET,
    GET[:-4], GET + EVIL[:-4], GET + EVIL[:-2], EVIL[:-5],
    b"GET http://e.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
    POST + b"Content-Length: 5\r\n\r\nhello" + GET,
    POST + b"Content-Length: %d\r\n\r\n" % len(EVIL) + EVIL + GET,
    POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n00a;b=c\r\n0123456789\r\n0\r\nX: y\r\n\r\n" + GET,
    POST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(EVIL), EVIL) + GET,
    POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + EVIL,
    POST + b"Content-Length: 0\r\nX: y\r\n\r\n" + EVIL,
    b"DELETE / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nab" + GET,
    b"GET / HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\n\r\n" + GET,
    b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n" + EVIL,
    b"CONNECT e.example:80 HTTP/1.1\r\nHost: a.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + EVIL,
]
MORE_PARTS = [
    b"Host: e.example\r\n", b"Host: a.example\r\n", b"host:\te.example \r\n", b" e.example\r\n", b"Host : e.example\r\n",
    b"Host:\r\n e.example\r\n", b"X-Forwarded-Host: e.example\r\n", b"Content-Length: %d\r\n" % len(EVIL),
    b"Transfer-Encoding: identity\r\n", b"Transfer-Encoding: chunked, identity\r\n", b"Transfer-Encoding:\x0bchunked\r\n",
    b"http://e.example", b"@e.example", b"\0", b"\r\n\r\n", b"\n\n", b"\r\r\n", b"0x", b"-1", b" HTTP/0.9\r\n", EVIL, GET,
]

LLHTTP = """
const { HTTPParser } = process.binding('http_parser');
const out = [];
for (const line of require('fs').readFileSync(0, 'latin1').split('\\n')) {
  if (!line) continue;
  const parser = new HTTPParser();
  const found = [];
  let fields = [], url = '';
  parser[HTTPParser.kOnHeaders] = (more, part) => { fields.push(...more); url += part; };
  parser[HTTPParser.kOnHeadersComplete] = (major, minor, more, method, part) => {
    fields.push(...(more || []));
    const hosts = fields.filter((_, i) => i % 2 === 1 && fields[i - 1].trim().toLowerCase() === 'host');
    found.push({ url: url + (part || ''), hosts });
    fields = []; url = '';
    return 0;
  };
  parser[HTTPParser.kOnMessageComplete] = () => {};
  parser.initialize(HTTPParser.REQUEST, {}, 1 << 20, HTTPParser.kLenientAll);
  try { parser.execute(Buffer.from(line, 'hex')); parser.finish(); } catch (error) { }
  out.push(JSON.stringify(found));
}
process.stdout.write(out.join('\\n') + '\\n');
"""


def streams():
    random_ = random.Random(SEED)
    for i in range(STREAMS):
        stream = mutate(random_, REQUESTS[i % len(REQUESTS)])
        if random_.random() < 0.5:
            at = random_.randrange(len(stream) + 1)
            at = stream.rfind(b"\n", 0, at) + 1 if random_.random() < 0.6 else at
            stream = stream[:at] + random_.choice(MORE_PARTS + PARTS) + stream[at:]
        yield stream


@pytest.fixture(scope="module")
def judged():
    """Each stream with the gate's verdict."""
    wires = list(streams())
    given = b"".join(struct.pack(">H", len(stream)) + stream for stream in wires)
    lines = subprocess.run([VERDICTS], input=given, capture_output=True, check=True).stdout.decode().splitlines()
    assert len(lines) == len(wires)
    counts = Counter(lines)
    print(counts)
    for verdict in ("passes", "goes on", "refused"):
        assert counts[verdict] > STREAMS / 100, counts
    return list(zip(wires, lines))


def assert_allowed(stream, hosts, url):
    assert url.startswith("/") and len(hosts) == 1 and hosts[0].strip().lower() in ALLOWED, (stream, hosts, url)


def test_llhttp_finds_no_other_host_in_what_passes(judged):
    if not shutil.which("node"):
        pytest.skip("needs node")
    given = "\n".join(stream.hex() for stream, _ in judged).encode()
    done = subprocess.run(["node", "--no-deprecation", "-e", LLHTTP], input=given, capture_output=True, check=True)
    found = [json.loads(line) for line in done.stdout.decode().strip().split("\n")]
    assert len(found) == len(judged)
    evil_elsewhere = 0
    for (stream, verdict), requests in zip(judged, found):
        if verdict == "refused":
            evil_elsewhere += any("e.example" in str(request) for request in requests)
            continue
        for request in requests:
            assert_allowed(stream, request["hosts"], request["url"])
    assert evil_elsewhere > STREAMS / 20  # otherwise the mutations left nothing to find


class _Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, stream):
        self.rfile, self.wfile, self.found = io.BytesIO(stream), io.BytesIO(), []
        self.client_address, self.close_connection = ("192.0.2.9", 1), False
        while not self.close_connection and self.rfile.tell() < len(stream):
            self.handle_one_request()

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._note
        raise AttributeError(name)

    def _note(self):
        self.found.append((self.path, self.headers.get_all("Host", [])))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self._read_chunks()
        else:
            length = self.headers.get("Content-Length", "0").strip()
            self.rfile.read(int(length) if length.isdigit() else 0)

    def _read_chunks(self):
        while size := int(self.rfile.readline().split(b";")[0].strip() or b"0", 16):
            self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline() not in (b"\r\n", b"\n", b""):
            pass

    def log_message(self, *_):
        pass


def test_pythons_server_finds_no_other_host_in_what_passes_with_the_end_of_the_connection(judged):
    evil_elsewhere = 0
    for stream, verdict in judged:
        if verdict == "passes":
            for url, hosts in _Server(stream).found:
                assert_allowed(stream, hosts, url)
        elif evil_elsewhere < 100:
            with contextlib.suppress(ValueError):  # of chunks
                evil_elsewhere += any("e.example" in str(hosts) for _, hosts in _Server(stream).found)
    assert evil_elsewhere == 100  # it would serve them
