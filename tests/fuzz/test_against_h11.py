"""Compares the HTTP readers with h11 on the same mutated streams.

Every run mutates the same streams in the same way. A message that our reader accepts, h11 accepts
with the same method and target, or status and reason, with the same fields and the same body. Our reader refuses
more than h11 does: only for the reasons in STRICTER, each of which is a rule that h11 does not have.
"""

import os
import random
import struct
import subprocess
from collections import Counter
from pathlib import Path

import h11

from support.project import ROOT

VERDICTS = Path(os.environ.get("OSTIARY_HTTP_VERDICTS", ROOT / "build" / "tests" / "fuzz" / "http_verdicts"))
SEED = 20
STREAMS = 30000

HOST = b"Host: a\r\n"
TRACES = b"POST /v1/traces?a=b HTTP/1.1\r\n" + HOST
REQUESTS = [
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1:4318\r\nUser-Agent: a b\r\nX-Empty:\r\n\r\n",
    TRACES + b"Content-Type: application/json\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello",
    TRACES + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n00a;b=c\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
    TRACES + b"Content-Length: 3\r\n\r\nabc" + b"GET /b HTTP/1.1\r\n" + HOST + b"\r\n",
    TRACES + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nHEAD /b HTTP/1.1\r\n" + HOST + b"\r\n",
    TRACES + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\na",
    b"GET /a HTTP/1.0\r\n" + HOST + b"Connection: close\r\n\r\n",
    b"GET /a HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
    b"CONNECT a:443 HTTP/1.1\r\n" + HOST + b"\r\n",
]
RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9;a\r\ndata: 1\n\n\r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
    b"HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
    b"HTTP/1.0 200 OK\r\nA: b\r\n\r\nhello",
]
# What a mutation inserts, or puts in place of a few octets.
PARTS = [
    b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b",", b";", b"0", b"\0", b"\x80", b"_", b"#", b"\\", b"//", b"/../", b"%41",
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Content-Length: 5, 5\r\n", b"Content-Length: +5\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding : chunked\r\n",
    b"transfer_encoding: chunked\r\n", b" folded\r\n", b"Host: b\r\n", b"Connection: close, x\r\n", b"Upgrade: h2c\r\n",
    b"HTTP/1.0", b"HTTP/2.0", b"CONNECT ", b"http://a/", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"GET /c HTTP/1.1\r\nHost: a\r\n\r\n",
]

# What our reader alone refuses, and how h11 reads it.
STRICTER = {
    "a line feed is not preceded by a carriage return": "ends the line",
    "a carriage return is not followed by a line feed": "waits for a line feed",
    "a line has a control character": "waits for the end of the head, or takes it as a part of the value",
    "the first line is not METHOD TARGET HTTP/1.1": "waits for the end of the head, or skips empty lines",
    "the first line is not HTTP/1.1 STATUS REASON": "waits for the end of the head, or takes it without a reason",
    "the version is neither HTTP/1.1 nor HTTP/1.0": "waits for the end of the head, or takes it for a response",
    "the target does not begin with a slash": "takes any target",
    "the target has a character that a path and a query cannot have": "takes any target",
    "the method CONNECT is not served": "takes any method",
    "a header field begins with a blank": "joins it to the line before",
    "a header field has no colon": "waits for the end of the head",
    "a header field's name is not a token": "waits for the end of the head",
    "a header field's name resembles one that decides where the message ends": "takes it for another field",
    "there is no Host": "takes HTTP/1.0 without one",
    "the Host is malformed": "does not read it",
    "the Connection is malformed": "looks for \"close\" alone",
    "the expectation is not 100-continue": "ignores it",
    "there are a Content-Length and a Transfer-Encoding": "ignores the Content-Length",
    "there are two Content-Lengths": "takes them if they are equal",
    "the Content-Length is not a number": "takes a list of equal numbers, and leading zeros",
    "a message of HTTP/1.0 has a Transfer-Encoding": "reads it all the same",
    "a response that has no body gives its length": "ignores it",
    "the size of a chunk is malformed": "takes more digits, and blanks at the end; or waits for the end of the line",
    "the body is too large": "counts beyond 64 bits",
    "a trailer has the name of a field that decides where the message ends": "checks its value alone",
    "octets follow the last request of the connection": "leaves them unread",
}


def mutate(random_, stream):
    octets = bytearray(stream)
    for _ in range(random_.randint(0, 3)):
        at = random_.randrange(len(octets) + 1)
        # Often at the start of a line, where a field may be inserted.
        if random_.random() < 0.4:
            at = octets.rfind(b"\n", 0, at) + 1
        kind = random_.randrange(6)
        if kind == 0 and at < len(octets):
            octets[at] = random_.randrange(256)
        elif kind == 1:
            del octets[at:at + random_.randrange(1, 4)]
        elif kind == 2:
            octets[at:at] = octets[at:at + random_.randrange(30)]
        elif kind == 3:
            octets[at:at + random_.randrange(3)] = random_.choice(PARTS)
        elif kind == 4 and random_.random() < 0.3:
            del octets[at:]
        else:
            octets[at:at] = random_.choice(PARTS)
    return bytes(octets) or b"G"  # h11 reads an empty stream as the end of the connection


def streams():
    random_ = random.Random(SEED)
    for i in range(STREAMS):
        if i % 2:
            yield "q", mutate(random_, REQUESTS[i // 2 % len(REQUESTS)])
        else:
            yield random_.choice("rrrh"), mutate(random_, RESPONSES[i // 2 % len(RESPONSES)])


def text(hexadecimal):
    return bytes.fromhex(hexadecimal)


def our_messages(line):
    """The messages of a verdict, and its fault; nothing if there is none."""
    words, _, fault = line.partition("fault ")
    messages = []
    for word in words.split():
        if word == "more":
            continue
        head, body, ending = word.split(";")
        start, *fields = head.split(",")
        pairs = [tuple(text(part) for part in field.split("=")) for field in fields]
        messages.append((text(start), normal(pairs), text(body), ending == "complete"))
    return messages, fault


def normal(fields):
    """With names in lower case, as h11 has them, and so the values of Transfer-Encoding."""
    return [
        (name.lower(), value.lower() if name.lower() == b"transfer-encoding" else value) for name, value in fields
    ]


class Reading:
    """What h11 makes of a stream."""

    def __init__(self, kind, stream):
        self.messages = []
        self.error = None
        self.connection = h11.Connection(h11.SERVER if kind == "q" else h11.CLIENT, max_incomplete_event_size=100000)
        if kind != "q":
            self.connection.send(h11.Request(method="HEAD" if kind == "h" else "GET", target="/", headers=[("Host", "a")]))
            self.connection.send(h11.EndOfMessage())
        try:
            self.connection.receive_data(stream)
            while self.take(self.connection.next_event()):
                pass
        except h11.RemoteProtocolError as error:
            self.error = str(error)

    def take(self, event):
        """Whether another event may follow."""
        if isinstance(event, h11.Request):
            self.messages.append([event.method + b" " + event.target, normal(event.headers), b"", False])
        elif isinstance(event, h11.Response):
            self.messages.append([b"%d " % event.status_code + event.reason, normal(event.headers), b"", False])
        elif isinstance(event, h11.Data):
            self.messages[-1][2] += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            self.messages[-1][3] = True
            return self.answer()
        return event not in (h11.NEED_DATA, h11.PAUSED) and not isinstance(event, h11.ConnectionClosed)

    def answer(self):
        """Answers a request, so that h11 reads the next."""
        if self.connection.our_role is h11.CLIENT:
            return False
        self.connection.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
        self.connection.send(h11.EndOfMessage())
        if self.connection.our_state is not h11.DONE:
            return False
        self.connection.start_next_cycle()
        return True


def is_too_strict(messages, reading):
    """Whether only h11 refuses: it refuses a first line before its end."""
    return reading.error.startswith("illegal request line") and all(complete for *_, complete in messages)


def check(kind, stream, line):
    """The class of agreement, for the statistics. Fails if the readers disagree."""
    messages, fault = our_messages(line)
    reading = Reading(kind, stream)
    shown = f"{kind} {stream}\nours: {messages} {fault}\nh11: {reading.messages} {reading.error}"
    assert len(messages) <= len(reading.messages), shown
    for (start, fields, body, complete), (h11_start, h11_fields, h11_body, h11_complete) in zip(messages, reading.messages):
        assert (start, fields) == (h11_start, h11_fields), shown
        # After a fault within the body, h11 may have another part of it.
        if complete or not fault:
            assert (body, complete) == (h11_body, h11_complete), shown
    if not fault:
        if reading.error is None:
            return "both accept"
        assert is_too_strict(messages, reading), shown
        return f"only h11 refuses: {reading.error}"
    if reading.error is not None:
        return "both refuse"
    assert fault in STRICTER, shown
    return f"only ours refuses: {fault}"


def test_h11_reads_what_our_readers_accept_in_the_same_way():
    wires = list(streams())
    given = b"".join(kind.encode() + struct.pack(">H", len(stream)) + stream for kind, stream in wires)
    done = subprocess.run([VERDICTS], input=given, capture_output=True, check=True)
    lines = done.stdout.decode().splitlines()
    assert len(lines) == len(wires)
    counts = Counter(check(kind, stream, line) for (kind, stream), line in zip(wires, lines))
    print("\n".join(f"{count:7} {what}" for what, count in counts.most_common()))
    # Otherwise the mutations left nothing to compare.
    for what in ("both accept", "both refuse"):
        assert counts[what] > STREAMS / 10, counts
    assert not [fault for fault in STRICTER if counts[f"only ours refuses: {fault}"] == 0], counts
