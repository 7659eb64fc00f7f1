"""The load of an agent in the soak. Threads send DNS questions over UDP and TCP, and connect to
each address as soon as an answer gives it. Another thread tries addresses and ports that no rule
allows. Another leaves orphans.

    asker.py SEED PAUSE

Reports each error when it occurs and counts successes, as lines of JSON with times of
CLOCK_MONOTONIC. Starts at the first line of input. At the end of input it stops asking, but does
not exit. Needs only Python, so that it runs as any user in any sandbox.
"""

import collections
import errno
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time

A, AAAA, HTTPS = 1, 28, 65
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
PATIENCE = 10  # seconds; longer than the gate's own timeout
TO_CONNECT = 3
REPORT_EVERY = 0.5
SERVERS = {4: ["127.0.0.1", "8.8.8.8"], 6: ["::1", "2001:4860:4860::8888"]}
PLAIN_NAMES = 48
NEVER_ASKED_FOR = ["203.0.113.66", "2001:db8:66::66", "169.254.169.254", "fd00:ec2::254", "10.1.2.3", "8.8.4.4"]
FORBIDDEN_PORTS = [22, 80, 444, 853, 8080, 9999]

counts = collections.Counter()
last_addresses = {}  # the latest address of each name
lock = threading.Lock()
stopping = threading.Event()


def report(**what):
    os.write(1, json.dumps(what).encode() + b"\n")


def count(what):
    with lock:
        counts[what] += 1


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def error_name(error):
    return "timeout" if isinstance(error, TimeoutError) else errno.errorcode.get(error.errno, str(error))


# Questions --------------------------------------------------------------------------------------------------

def question(name, kind, number):
    labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b"."))
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def ask_udp(server, message):
    with socket.socket(family_of(server), socket.SOCK_DGRAM) as connection:
        connection.settimeout(PATIENCE)
        connection.connect((server, 53))
        connection.send(message)
        return connection.recv(65535)


def ask_tcp(server, message):
    with socket.create_connection((server, 53), PATIENCE) as connection:
        connection.settimeout(PATIENCE)
        connection.sendall(struct.pack("!H", len(message)) + message)
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


def addresses_in(reply, name):
    """The addresses in a reply whose records all have the question's name as owner."""
    at, found = 12 + len(name) + 2 + 4, []
    for _ in range(struct.unpack("!H", reply[6:8])[0]):
        size = struct.unpack("!H", reply[at + 10:at + 12])[0]
        octets = reply[at + 12:at + 12 + size]
        found.append(socket.inet_ntop(socket.AF_INET if size == 4 else socket.AF_INET6, octets))
        at += 12 + size
    return found


# Threads ------------------------------------------------------------------------------------------

def ask_questions(transport, family, rng, pause):
    exchange = ask_udp if transport == "udp" else ask_tcp
    numbers = iter(range(rng.getrandbits(30) << 20, 1 << 62))
    while not stopping.is_set():
        draw = rng.random()
        if draw < 0.7:
            name, kind = f"n{rng.randrange(PLAIN_NAMES)}.load.example", A if rng.random() < 0.5 else AAAA
            wanted = "plain"
        elif draw < 0.78:
            name, kind, wanted = f"w{next(numbers)}.wild.example", A if rng.random() < 0.5 else AAAA, "wildcard"
        elif draw < 0.83:
            name, kind, wanted = f"n{rng.randrange(PLAIN_NAMES)}.load.example", HTTPS, "https"
        else:
            name, kind, wanted = f"d{next(numbers)}.denied.example", A, "denied"
        ask(exchange, transport, rng.choice(SERVERS[family]), name, kind, wanted, rng)
        time.sleep(rng.expovariate(1 / pause))


def ask(exchange, transport, server, name, kind, wanted, rng):
    number = rng.getrandbits(16)
    sent = time.monotonic()
    what = {"name": name, "type": kind, "server": server, "transport": transport, "sent": sent}
    try:
        reply = exchange(server, question(name, kind, number))
    except OSError as error:
        report(lost={**what, "error": error_name(error), "at": time.monotonic()})
        return count("lost")
    received = time.monotonic()
    code = reply[3] & 15
    count(f"{wanted} {code}")
    has_answer = code == NOERROR and reply[6:8] != b"\0\0"
    right = {"denied": code == NXDOMAIN, "https": code == NOERROR and not has_answer,
             "plain": has_answer or code == SERVFAIL, "wildcard": has_answer or code == SERVFAIL}[wanted]
    if not right or reply[:2] != struct.pack("!H", number):
        report(wrong={**what, "reply": reply.hex(), "at": received})
    if wanted in ("plain", "wildcard") and has_answer:
        for address in addresses_in(reply, name):
            connect_to_answer(address, {**what, "address": address, "told": received})


def connect_to_answer(address, what):
    """Connects to an address immediately after its answer."""
    try:
        with socket.socket(family_of(address), socket.SOCK_STREAM) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.settimeout(TO_CONNECT)
            connection.connect((address, 443))
        count("connected")
        last_addresses[what["name"]] = address
    except OSError as error:
        report(broken={**what, "error": error_name(error), "at": time.monotonic()})
        count("broken")


def try_denied_destinations(rng, pause):
    while not stopping.is_set():
        if rng.random() < 0.5 or not last_addresses:
            address, port = rng.choice(NEVER_ASKED_FOR), rng.choice([443, *FORBIDDEN_PORTS])
        else:
            address, port = rng.choice(list(last_addresses.values())), rng.choice(FORBIDDEN_PORTS)
        transport = rng.choice(["tcp", "udp"])
        begin = time.monotonic()
        try:
            with socket.socket(family_of(address), socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM) as connection:
                connection.settimeout(1)
                connection.connect((address, port))
                connection.sendall(b"hello")
                connection.recv(100)
                report(through={"address": address, "port": port, "transport": transport, "begin": begin,
                                "at": time.monotonic()})
                count("through")
                keep_using(connection, {"address": address, "port": port, "transport": transport, "begin": begin})
        except OSError as error:
            count(f"refused {error_name(error)}")
        time.sleep(rng.expovariate(1 / pause))


def keep_using(flow, what):
    """Checks that a flow that got out while the rules were missing does not continue when they
    are back."""
    try:
        time.sleep(2)
        flow.sendall(b"still there")
        flow.recv(100)
        report(stayed={**what, "at": time.monotonic()})
        count("stayed")
    except OSError:
        pass


def leave_orphans(pause):
    while not stopping.is_set():
        subprocess.run(["sh", "-c", "sleep 0.02 & sleep 0.01 &"], stdin=subprocess.DEVNULL)
        count("orphans")
        count("orphans")
        time.sleep(pause * 20)


def main():
    threading.excepthook = lambda broken: report(failure=f"{broken.thread.name}: {broken.exc_value!r}")
    os.nice(10)  # the gate has priority
    seed, pause = int(sys.argv[1]), float(sys.argv[2])
    work = [(ask_questions, (transport, family, random.Random(seed * 100 + number), pause))
            for number, (transport, family) in enumerate([("udp", 4), ("udp", 4), ("udp", 6), ("tcp", 4), ("tcp", 6)])]
    work.append((try_denied_destinations, (random.Random(seed * 100 + 99), pause)))
    work.append((leave_orphans, (pause,)))
    threads = [threading.Thread(target=function, args=arguments, daemon=True) for function, arguments in work]
    report(ready=True)
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    while not stopping.is_set():
        if select.select([0], [], [], REPORT_EVERY)[0]:
            stopping.set()
            for thread in threads:
                thread.join()
        with lock:
            sums, _ = dict(counts), counts.clear()
        report(counts=sums)
    report(idle=True)
    threading.Event().wait()


main()
