"""A process that a test drives. A line of JSON names a function below and its arguments; the reply
is a line of JSON.

Needs only Python, so that it runs as any user in any sandbox. An attempt to reach a host returns
what the host answered, or the name of the error.
"""

import errno
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time

GREETING = b"hello, echo"
A, AAAA = 1, 28


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def target(address, port):
    return socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0][4]


def error_name(error):
    return "timeout" if isinstance(error, TimeoutError) else errno.errorcode.get(error.errno, str(error))


def attempt(action):
    """The outcome of an attempt, and the seconds it took."""
    begin = time.monotonic()
    try:
        outcome = {"reached": True, "answer": action()}
    except OSError as error:
        outcome = {"reached": False, "error": error_name(error)}
    return outcome | {"seconds": time.monotonic() - begin}


# Connections --------------------------------------------------------------------------------------

def connect(address, port, transport="tcp", timeout=0.6, device=None, source=None):
    """Sends a greeting to an echo service, and expects it back."""
    def say():
        kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
        with socket.socket(family_of(address), kind) as connection:
            connection.settimeout(timeout)
            if device:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
            if source:
                connection.bind(target(*source))
            connection.connect(target(address, port))
            connection.sendall(GREETING)
            if connection.recv(100) != GREETING:
                raise OSError(errno.EPROTO, "another answer")
            return "echo"
    return attempt(say)


kept = {}


def open_flow(handle, address, port, transport="tcp"):
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    connection = socket.socket(family_of(address), kind)
    connection.settimeout(1)
    connection.connect(target(address, port))
    kept[handle] = connection


def use_flow(handle):
    def say():
        kept[handle].sendall(GREETING)
        return kept[handle].recv(100).decode()
    return attempt(say)


def close_flow(handle):
    kept.pop(handle).close()


def listen(handle, port):
    """Starts an echo service for one connection."""
    kept[handle] = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)


def serve_one(handle, timeout=2):
    kept[handle].settimeout(timeout)
    connection, _ = kept[handle].accept()
    with connection:
        connection.settimeout(timeout)
        connection.sendall(connection.recv(100))


# Questions ----------------------------------------------------------------------------------------

def ask(octets, server, port=53, transport="udp", timeout=8):
    """Sends one DNS message, and returns the reply."""
    def exchange():
        kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
        with socket.socket(family_of(server), kind) as connection:
            connection.settimeout(timeout)
            connection.connect(target(server, port))
            message = bytes.fromhex(octets)
            if transport == "udp":
                connection.send(message)
                return connection.recv(65535).hex()
            connection.sendall(struct.pack("!H", len(message)) + message)
            return receive_frame(connection).hex()
    return attempt(exchange)


def receive_frame(connection):
    size = struct.unpack("!H", receive_exactly(connection, 2))[0]
    return receive_exactly(connection, size)


def receive_exactly(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise OSError(errno.ECONNRESET, "closed")
        data += piece
    return data


def ask_all(messages, server, timeout):
    """Sends all messages at once from one socket. Returns the replies in their order of arrival,
    each with the seconds it took."""
    replies = []
    with socket.socket(family_of(server), socket.SOCK_DGRAM) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        connection.connect(target(server, 53))
        begin = time.monotonic()
        for message in messages:
            connection.send(bytes.fromhex(message))
        while len(replies) < len(messages):
            left = begin + timeout - time.monotonic()
            if left <= 0 or not select.select([connection], [], [], left)[0]:
                break
            replies.append((connection.recv(65535).hex(), time.monotonic() - begin))
    return replies


def stream(pieces, server, read_for, port=53, pause=0.05):
    """Sends octets over one TCP connection, piece by piece. Reads for `read_for` seconds, or
    until the connection is closed."""
    with socket.socket(family_of(server), socket.SOCK_STREAM) as connection:
        connection.settimeout(2)
        connection.connect(target(server, port))
        begin = time.monotonic()
        data, closed = b"", False
        try:
            for number, piece in enumerate(pieces):
                if number:
                    time.sleep(pause)
                connection.sendall(bytes.fromhex(piece))
            while not closed and (left := begin + read_for - time.monotonic()) > 0:
                if select.select([connection], [], [], left)[0]:
                    piece = connection.recv(65536)
                    data, closed = data + piece, not piece
        except OSError:
            closed = True
        seconds = time.monotonic() - begin
    frames = []
    while len(data) >= 2 and len(data) >= 2 + (size := struct.unpack("!H", data[:2])[0]):
        frames.append(data[2:2 + size].hex())
        data = data[2 + size:]
    return {"frames": frames, "rest": len(data), "closed": closed, "seconds": seconds}


def idle(pieces, server, limit, port=53):
    """For each piece: opens a connection, sends only the piece, and returns the seconds until the
    server closes the connection."""
    begin = time.monotonic()
    opened, seconds = [], []
    for piece in pieces:
        connection = socket.create_connection((server, port), 2)
        connection.sendall(bytes.fromhex(piece))
        opened.append(connection)
    for connection in opened:
        try:
            connection.settimeout(max(0.01, begin + limit - time.monotonic()))
            while connection.recv(65536):
                pass
            seconds.append(time.monotonic() - begin)
        except TimeoutError:
            seconds.append(None)
        except OSError:
            seconds.append(time.monotonic() - begin)
    return seconds


def hold_connections(server, count, timeout=1):
    """Opens connections to the DNS port, and keeps them open."""
    opened = []
    for _ in range(count):
        connection = socket.socket(family_of(server), socket.SOCK_STREAM)
        connection.settimeout(timeout)
        try:
            connection.connect(target(server, 53))
        except OSError:
            break
        opened.append(connection)
    kept["connections"] = opened
    return len(opened)


def question(name, kind, number):
    labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b"."))
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def first_address(reply, name):
    """The address in a reply whose first record has the question's name as owner."""
    at = 12 + len(name) + 2 + 4 + 10
    size = struct.unpack("!H", reply[at:at + 2])[0]
    return socket.inet_ntop(socket.AF_INET if size == 4 else socket.AF_INET6, reply[at + 2:at + 2 + size])


def flood(pattern, count, server, kind=A, window=64, timeout=5):
    """Asks for pattern % n, for n from 0, with `window` questions outstanding. Returns the number
    of answers by response code."""
    codes, unanswered = {}, set()
    with socket.socket(family_of(server), socket.SOCK_DGRAM) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        connection.settimeout(timeout)
        connection.connect(target(server, 53))
        asked = 0
        while asked < count or unanswered:
            while asked < count and len(unanswered) < window:
                connection.send(question(pattern % asked, kind, asked & 0xFFFF))
                unanswered.add(asked & 0xFFFF)
                asked += 1
            try:
                reply = connection.recv(65535)
            except TimeoutError:
                break
            number, flags = struct.unpack("!HH", reply[:4])
            unanswered.discard(number)
            codes[flags & 15] = codes.get(flags & 15, 0) + 1
    return {"codes": codes, "unanswered": len(unanswered)}


def ask_from_every_port(name, source, server, seconds=15):
    """Sends one question from each port of the kernel's ephemeral range, until `seconds` are
    over. Ignores the answers. Returns the number of questions sent."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        first, last = map(int, file.read().split())
    left, end = 0, time.monotonic() + seconds
    for port in range(first, last + 1):
        if time.monotonic() > end:
            break
        with socket.socket(family_of(source), socket.SOCK_DGRAM) as sender:
            try:
                sender.bind((source, port))
                sender.sendto(question(name, A, port), (server, 53))
                left += 1
            except OSError:
                continue
    return left


def flood_over_tcp(name, connections, count, server, kind=A):
    """Asks `count` questions over `connections` connections, one after the other. Returns the
    number of answers with addresses."""
    right = 0
    for number in range(connections):
        share = count // connections + (number < count % connections)
        with socket.create_connection((server, 53), 5) as connection:
            for _ in range(share):
                message = question(name, kind, 1)
                connection.sendall(struct.pack("!H", len(message)) + message)
                reply = receive_frame(connection)
                right += reply[3] & 15 == 0 and reply[6:8] != b"\0\0"
    return right


def look_up_and_connect(pairs, server, port, kind=A):
    """Asks for each name, and connects to its address immediately after the answer. Returns what
    went wrong.

    pairs: a name and its expected address, or None if the name must not exist
    """
    wrong = []
    with socket.socket(family_of(server), socket.SOCK_DGRAM) as resolver:
        resolver.settimeout(5)
        resolver.connect(target(server, 53))
        for number, (name, expected) in enumerate(pairs):
            resolver.send(question(name, kind, number & 0xFFFF))
            reply = resolver.recv(65535)
            got, flags, _, answers = struct.unpack("!HHHH", reply[:8])
            code = flags & 15
            if got != number & 0xFFFF:
                wrong.append([name, "another id"])
            elif expected is None:
                if code != 3 or answers:
                    wrong.append([name, f"code {code}, {answers} answers"])
            elif code or not answers or first_address(reply, name) != expected:
                wrong.append([name, f"code {code}, {answers} answers"])
            else:
                with socket.socket(family_of(expected), socket.SOCK_STREAM) as connection:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    connection.settimeout(2)
                    try:
                        connection.connect(target(expected, port))
                    except OSError as error:
                        wrong.append([name, error_name(error)])
    return wrong


def look_up_and_connect_whatever_happens(pattern, count, server, port, pause):
    """Like look_up_and_connect(), but with a new name each time, and repeating a question that is
    not answered. Returns the failed connections to answered addresses, and the number of
    successful ones."""
    broken, made = [], 0
    for number in range(count):
        name = pattern % number
        for _ in range(20):
            with socket.socket(family_of(server), socket.SOCK_DGRAM) as resolver:
                resolver.settimeout(0.3)
                resolver.connect(target(server, 53))
                try:
                    resolver.send(question(name, A, number))
                    reply = resolver.recv(65535)
                except OSError:
                    continue
            if reply[3] & 15 == 0 and reply[7]:
                break
        else:
            broken.append([name, "no answer"])
            continue
        address = first_address(reply, name)
        try:
            socket.create_connection((address, port), 1).close()
            made += 1
        except OSError as error:
            broken.append([name, address, error_name(error)])
        time.sleep(pause)
    return {"broken": broken, "made": made}


def look_up(name):
    """Resolves a name through the C library, as programs do."""
    def find():
        try:
            found = socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise OSError(0, str(error)) from None
        return sorted({entry[4][0] for entry in found})
    begin = time.monotonic()
    try:
        return {"addresses": find(), "seconds": time.monotonic() - begin}
    except OSError as error:
        return {"addresses": [], "error": error.strerror, "seconds": time.monotonic() - begin}


# Anything else ------------------------------------------------------------------------------------

def python(source):
    """Executes statements, and returns what they leave in `value`."""
    def work():
        names = {"value": None}
        exec("import ctypes, errno, os, signal, socket, struct, sys, time\n" + source, names)
        return names["value"]
    return attempt(work)


def run(*command, timeout=10):
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
                          errors="replace")
    return {"status": done.returncode, "out": done.stdout, "err": done.stderr}


def leave(status):
    sys.exit(status)


print("agent ready", flush=True)
for line in sys.stdin:
    wish = json.loads(line)
    try:
        answer = {"value": globals()[wish["do"]](*wish["with"], **wish["how"])}
    except Exception as error:
        answer = {"failure": repr(error)}
    os.write(1, json.dumps(answer).encode() + b"\n")
