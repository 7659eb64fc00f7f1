"""What an agent does with TLS: for driven.py's python(), which imports it."""

import errno
import select
import socket
import ssl
import struct
import time


def connected(address, port=443, source=None, timeout=5):
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    made.settimeout(timeout)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if source:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("", source))
    made.connect((address, port))
    return made


def reset(connection):
    """Ends it so that no state stays behind."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Tls:
    """A handshake whose octets the caller can change on their way."""

    def __init__(self, name, version=None, alpn=()):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if version:
            context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)

    def hello(self):
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return self.outgoing.read()

    def step(self, action, connection):
        while True:
            try:
                return action()
            except ssl.SSLWantReadError:
                connection.sendall(self.outgoing.read())
                data = connection.recv(65536)
                if not data:
                    raise OSError(errno.EPIPE, "closed") from None
                self.incoming.write(data)
            finally:
                if rest := self.outgoing.read():
                    connection.sendall(rest)


def in_records(hello, size):
    """The same handshake message in records of this size."""
    body = hello[5:]
    return b"".join(hello[:3] + struct.pack("!H", len(part)) + part
                    for part in (body[at:at + size] for at in range(0, len(body), size)))


def cut(octets, sizes):
    """Pieces of these sizes; the last one is the rest."""
    pieces = []
    for size in sizes:
        pieces.append(octets[:size])
        octets = octets[size:]
    return [piece for piece in [*pieces, octets] if piece]


def fetch(address, name, port=443, pieces=1, sizes=(), record=None, pause=0.0, version=None, alpn=(), source=None, timeout=5):
    """Asks a web server. Its hello goes out in this many pieces, or in pieces of these sizes."""
    tls = Tls(name, version, alpn)
    with connected(address, port, source, timeout) as connection:
        hello = tls.hello()
        if record:
            hello = in_records(hello, record)
        if pieces > 1:
            sizes = [max(1, len(hello) // pieces)] * (min(pieces, len(hello)) - 1)
        for piece in cut(hello, sizes):
            connection.sendall(piece)
            time.sleep(pause)
        tls.step(tls.tls.do_handshake, connection)
        tls.tls.write(b"GET / HTTP/1.1\r\nHost: any\r\n\r\n")
        answer = b""
        while not answer.endswith(b"\n") or b"\r\n\r\n" not in answer:
            answer += tls.step(lambda: tls.tls.read(65536), connection)
        return {"body": answer.rpartition(b"\r\n\r\n")[2].decode().strip(), "version": tls.tls.version(),
                "alpn": tls.tls.selected_alpn_protocol()}


def send(address, pieces, port=443, pause=0.0, timeout=2, urgent=None, source=None, expect=1):
    """Sends the pieces, each by itself. Returns what the server answers, at least `expect` octets.

    urgent: the number of the piece whose last octet is urgent
    """
    with connected(address, port, source, timeout) as connection:
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(pause)
            connection.send(piece, socket.MSG_OOB if number == urgent else 0)
        answer = b""
        while len(answer) < expect:
            if not (data := connection.recv(65536)):
                break
            answer += data
        return answer.hex()


def send_after_each_answer(address, flights, port=443, timeout=2):
    """Sends each flight, a list of pieces, after the server has answered the one before."""
    answers = []
    with connected(address, port, None, timeout) as connection:
        for number, flight in enumerate(flights):
            if number:
                answers.append(connection.recv(65536).hex())
            for piece in flight:
                connection.sendall(piece)
                time.sleep(0.002)
        answers.append(connection.recv(65536).hex())
    return answers


def seconds_until_it_ends(address, piece, limit, port=443):
    """Sends only the piece, and waits for the end of the connection."""
    with connected(address, port, None, limit) as connection:
        connection.sendall(piece)
        begin = time.monotonic()
        try:
            while connection.recv(65536):
                pass
        except ConnectionResetError:
            pass
        return time.monotonic() - begin


def until_readable(connection, seconds):
    return bool(select.select([connection], [], [], seconds)[0])
