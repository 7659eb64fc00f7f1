"""A web server that takes more than it should: a line may end with LF alone, the last Host counts, and a request that the
client has not finished when it ends the connection is served. Each connection is a Visit of support/hosting.py."""

import re
import time

REF = "1" * 40
STREAMED = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *(b"2\r\n%d\n\r\n" % n for n in range(5)),
            b"0\r\n\r\n"]
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def answer(body, kind="text/plain"):
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (kind.encode(), len(body), body)


def answer_of(name, octets=0):
    """To a request for this name, with so many octets of body."""
    return answer(f"{name} {octets}\n".encode())


def answer_of_repository(path):
    """Nothing if it is not a path of the repository."""
    body = {"/repository.git/info/refs": f"{REF}\trefs/heads/main\n",
            "/repository.git/HEAD": "ref: refs/heads/main\n"}.get(path)
    return body and answer(body.encode())


def serve(visit, files):
    """files: octets by path, or a function that makes an answer of a request's body. What is missing in their directories
    is missing; another path is answered with the name of the host."""
    requests = Requests(visit)
    while head := requests.head():
        first, *lines = [line.rstrip(b"\r").decode("latin-1") for line in head.split(b"\n")]
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = requests.body(fields)
        visit.name = fields.get("host", "").partition(":")[0]
        visit.requests.append((first, visit.name, body))
        path = [*first.split(), "", ""][1].partition("?")[0]
        if path == "/stream":
            for piece in STREAMED:
                visit.send(piece)
                time.sleep(0.02)
        elif file := files.get(path):
            visit.send(file(body) if callable(file) else answer(file))
        elif any(path.startswith(each[:each.find("/", 1) + 1] or each) for each in files):
            visit.send(MISSING)
        else:
            visit.send(answer_of_repository(path) or answer_of(visit.name, len(body)))


class Requests:
    """Of one connection."""

    def __init__(self, visit):
        self._visit, self._rest = visit, bytearray()

    def head(self):
        """Nothing if the client has ended the connection."""
        while True:
            del self._rest[:len(self._rest) - len(self._rest.lstrip(b"\r\n"))]
            if end := re.search(rb"\n\r?\n", self._rest):
                return self._take(end.end())
            if not self._more():
                return self._take(len(self._rest))

    def body(self, fields):
        if "chunked" in fields.get("transfer-encoding", ""):
            return b"".join(iter(self._chunk, b""))
        return self._octets(int(fields.get("content-length") or 0))

    def _chunk(self):
        while b"\n" not in self._rest and self._more():
            pass
        size = int(self._take(self._rest.find(b"\n") + 1).partition(b";")[0].strip() or b"0", 16)
        return self._octets(size + 2)[:size]

    def _octets(self, count):
        while len(self._rest) < count and self._more():
            pass
        return self._take(count)

    def _more(self):
        data = self._visit.read()
        self._rest += data
        return bool(data)

    def _take(self, count):
        taken = bytes(self._rest[:count])
        del self._rest[:count]
        return taken
