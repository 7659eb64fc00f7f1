"""An HTTP server at one address, with or without TLS. A function of the Request gives the answers."""

import gzip
import http.server
import socket
import socketserver
import threading
from typing import NamedTuple


def joined(headers):
    """Header values by name in lower case. Several values of one name are joined, as in HTTP."""
    found = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    return {name: ", ".join(values) for name, values in found.items()}


class Request(NamedTuple):
    method: str
    path: str
    headers: list  # (name, value), as received
    body: bytes  # with any transfer encoding

    def header(self, name):
        """The value, or None."""
        return joined(self.headers).get(name.lower())


class Response(NamedTuple):
    status: int
    type: str = "text/plain"
    body: object = b""  # or an iterable of pieces, each sent as soon as it is available


class Web:
    def __init__(self, network, address, port, answer, tls=None):
        with network.entered():
            self._server = _Server((address, port), _Handler)
        self._server.answer = answer
        if tls:  # the connection's own thread performs the handshake
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def read_bodies(self):
        """Whether it reads a request's body before it answers."""
        return self._server.read_bodies

    @read_bodies.setter
    def read_bodies(self, value):
        self._server.read_bodies = value

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    read_bodies = True

    def __init__(self, address, handler):
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)  # the base class would look up its own name in DNS

    def handle_error(self, *_):
        pass  # the client has disconnected


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def _serve(self):
        response = self.server.answer(Request(self.command, self.path, self.headers.items(), self._read_body()))
        self.send_response(response.status)
        self.send_header("Content-Type", response.type)
        if isinstance(response.body, bytes):
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)
        else:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in response.body:
                self._write_chunk(piece)
            self._write_chunk(b"")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

    def _read_body(self):
        if not self.server.read_bodies:
            return b""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b"".join(iter(self._read_chunk, b""))
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _read_chunk(self):
        chunk = self.rfile.read(int(self.rfile.readline().split(b";")[0], 16))
        self.rfile.readline()
        return chunk

    def _write_chunk(self, piece):
        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    def log_message(self, *_):
        pass
