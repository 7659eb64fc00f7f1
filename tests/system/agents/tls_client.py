"""What an agent does with TLS: for driven.py's python(), which imports it."""

import errno
import socket
import ssl
import struct
import time


NO_LINGER = struct.pack("ii", 1, 0)


def connected(address, port=443, source=None, timeout=5, segments=None):
    """segments: the largest number of octets in a packet"""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    made.settimeout(timeout)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if segments:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, segments)
    if source:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("", source))
    made.connect((address, port))
    return made


def reset(connection):
    """Ends it so that no state stays behind."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
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


def fetch(address, name, port=443, pieces=1, sizes=(), record=None, pause=0.0, version=None, alpn=(), source=None, timeout=5,
          ending=None, segments=None):
    """Asks a web server. Its hello goes out in this many pieces, or in pieces of these sizes.

    ending: "reset" leaves the port free
    """
    tls = Tls(name, version, alpn)
    with connected(address, port, source, timeout, segments) as connection:
        if ending == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
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


def send(address, pieces, port=443, pause=0.0, timeout=2, urgent=None, source=None, expect=1, segments=None):
    """Sends the pieces, each by itself. Returns what the server answers, at least `expect` octets.

    urgent: the number of the piece whose last octet is urgent
    """
    with connected(address, port, source, timeout, segments) as connection:
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(pause)
            connection.sendall(piece, socket.MSG_OOB if number == urgent else 0)
        answer = b""
        while len(answer) < expect:
            if not (data := connection.recv(65536)):
                break
            answer += data
        return answer.hex()


def send_after_each_answer(address, flights, port=443, timeout=2, answers=None):
    """Sends each flight, a list of pieces, after the server has answered the one before. Returns the
    answers."""
    heard = []
    with connected(address, port, None, timeout) as connection:
        for number, flight in enumerate(flights):
            if number:
                heard.append(connection.recv(65536).hex())
            for piece in flight:
                connection.sendall(piece)
                time.sleep(0.002)
        while len(heard) < (len(flights) if answers is None else answers):
            heard.append(connection.recv(65536).hex())
    return heard


def second_socket(address, first, later, port=80):
    """Sends `first` in a connection by a socket that is bound to the interface, has another socket with the same ports
    connect, and sends `later` in the first. Returns what becomes of both."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound, other = socket.socket(family, socket.SOCK_STREAM), socket.socket(family, socket.SOCK_STREAM)
    with bound, other:
        for each in (bound, other):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.settimeout(2)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        bound.bind(("", 0))
        other.bind(("", bound.getsockname()[1]))
        bound.connect((address, port))
        bound.sendall(first)
        time.sleep(0.1)
        outcomes = []
        for step in (lambda: other.connect((address, port)), lambda: bound.sendall(later), lambda: bound.recv(65536)):
            try:
                outcomes.append(step() or "done")
            except OSError as error:
                outcomes.append(errno.errorcode.get(error.errno, "timeout"))
        return [each if isinstance(each, str) else each.decode() for each in outcomes]


def fast_open(address, octets, port=443):
    """Sends the octets with the SYN, without a cookie."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as connection:
        connection.settimeout(4)
        connection.setsockopt(socket.IPPROTO_TCP, 34, 1)  # TCP_FASTOPEN_NO_COOKIE
        connection.sendto(octets, socket.MSG_FASTOPEN, (address, port))
        return connection.recv(100).hex()


def send_and_close(address, pieces, port=443):
    connection = connected(address, port)
    try:
        for piece in pieces:
            connection.sendall(piece)
    except OSError:
        pass
    connection.close()


def send_after_answer_of(address, first, octets, second, port=443):
    """Sends the second part after so many octets have been answered to the first."""
    with connected(address, port, None, 3) as connection:
        connection.sendall(first)
        answer = b""
        while len(answer) < octets and (data := connection.recv(65536)):
            answer += data
        connection.sendall(second)
        return connection.recv(100).hex()


# Connections that stay open -----------------------------------------------------------------------

kept = {}


def open_kept(handle, address, port=443, source=None):
    kept[handle] = connected(address, port, source)
    return kept[handle].getsockname()[1]


def open_verified(handle, address, name):
    """Performs a handshake."""
    open_kept(handle, address)
    kept[handle, "tls"] = Tls(name)
    kept[handle].sendall(kept[handle, "tls"].hello())
    kept[handle, "tls"].step(kept[handle, "tls"].tls.do_handshake, kept[handle])


def ask_kept(handle):
    """Asks the web server at the other end."""
    tls = kept[handle, "tls"]
    tls.tls.write(b"GET / HTTP/1.1\r\n\r\n")
    return tls.step(lambda: tls.tls.read(65536), kept[handle]).decode().rpartition("\r\n")[2].strip()


def say_kept(handle, octets):
    kept[handle].sendall(octets)


def hear_kept(handle, timeout=2):
    kept[handle].settimeout(timeout)
    return kept[handle].recv(65536).hex()


def half_close_kept(handle):
    kept[handle].shutdown(socket.SHUT_WR)


def close_kept(handle):
    kept.pop(handle).close()


def reset_kept(handle):
    reset(kept.pop(handle))


def time_out_kept(handle):
    """Sends to a server that does not acknowledge any more, until the kernel gives the connection up.
    It does not tell the server."""
    connection = kept.pop(handle)
    connection.setsockopt(socket.IPPROTO_TCP, 18, 300)  # TCP_USER_TIMEOUT, in milliseconds
    connection.settimeout(10)
    connection.sendall(b"x")
    try:
        connection.recv(1)
    except TimeoutError:
        pass
    except OSError as error:
        if error.errno != errno.ETIMEDOUT:
            raise
    connection.close()


def half_hellos(address, count, octets, then=b"", port=443):
    """Opens so many connections, and sends this on each, and then perhaps more. Returns how many there are."""
    import resource
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    opened = kept.setdefault("half", [])
    for _ in range(count):
        made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        made.settimeout(3)
        try:
            made.connect((address, port))
            made.send(octets)
            made.setblocking(False)
            for _ in range(12 if then else 0):
                made.send(then)
        except OSError:
            made.close()
            continue
        opened.append(made)
    return len(opened)


# Pages that change while they are sent ------------------------------------------------------------

SO_ZEROCOPY, MSG_ZEROCOPY = 60, 0x4000000


def page_of(octets, path=None):
    """Memory that another process can change, or the pages of a file."""
    import mmap
    if path is None:
        memory = mmap.mmap(-1, 4096)
    else:
        with open(path, "w+b") as file:
            file.truncate(4096)
            memory = mmap.mmap(file.fileno(), 4096)
    memory[:len(octets)] = octets
    return memory


def sender_of(kind, memory, size, path):
    """A function that sends the page without copying it."""
    import ctypes
    import os
    if kind == "sendfile":
        file = os.open(path, os.O_RDONLY)
        return lambda connection: os.sendfile(connection.fileno(), file, 0, size)
    if kind == "MSG_ZEROCOPY":
        def send(connection):
            connection.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
            connection.send(memoryview(memory)[:size], MSG_ZEROCOPY)
        return send
    libc = ctypes.CDLL(None, use_errno=True)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    vector = (ctypes.c_size_t * 2)(start, size)

    def splice(connection):
        read, write = os.pipe()
        try:
            if libc.vmsplice(write, vector, 1, 0) != size or os.splice(read, connection.fileno(), size) != size:
                raise OSError(ctypes.get_errno(), "vmsplice")
        finally:
            os.close(read)
            os.close(write)
    return splice


def race(kind, address, octets, good, evil, tries, path="/tmp/page", segments=None, port=443):
    """Sends a page so often while another process writes the one name and the other into it. Returns how
    often the server answered and how often the connection was reset."""
    import os
    import signal
    path = path if kind == "sendfile" else None
    memory, at = page_of(octets, path), octets.index(good)
    writer = os.fork()
    if writer == 0:
        end = at + len(good)
        while True:
            memory[at:end] = evil
            memory[at:end] = good
    counts = {}
    try:
        send_page = sender_of(kind, memory, len(octets), path)
        for _ in range(tries):
            connection = connected(address, port, segments=segments)
            try:
                send_page(connection)
                what = "answered" if connection.recv(100) else "closed"
            except OSError as error:
                what = errno.errorcode.get(error.errno, str(error))
            counts[what] = counts.get(what, 0) + 1
            reset(connection)
    finally:
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
    return counts


def send_page(handle, address, octets, path="/tmp/sent", port=443):
    """Sends the pages of a file, over a new connection if there is none."""
    import os
    if handle not in kept:
        open_kept(handle, address, port)
    kept[handle, "page"] = page_of(octets, path)
    file = os.open(path, os.O_RDONLY)
    os.sendfile(kept[handle].fileno(), file, 0, len(octets))
    os.close(file)


def send_page_again(handle, octets, path="/tmp/sent"):
    import os
    file = os.open(path, os.O_RDONLY)
    os.sendfile(kept[handle].fileno(), file, 0, octets)
    os.close(file)
    time.sleep(0.15)


def change_page(handle, good, evil):
    page = kept[handle, "page"]
    at = page.find(good)
    page[at:at + len(good)] = evil
