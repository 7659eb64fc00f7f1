"""The other half of a hunt's verdict: what an agent must still be able to do, and how fast it must
be refused.

The checks run in a child in the agent's network, as the agent's user, while nothing else runs.
"""

import json
import os
import select
import socket
import struct
import time

from support.dns_wire import question

ALLOWED = {4: "198.51.100.10", 6: "2001:db8:10::10"}
UNLISTED = {4: "203.0.113.66", 6: "2001:db8:66::66"}
RESOLVER = {4: "198.51.100.53", 6: "2001:db8:53::53"}
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
PATIENCE = 0.8
AT_ONCE = 0.3  # seconds; a refusal must be immediate
RELAY = ("127.0.0.1", 15354)
RELAYS_PATIENCE = 5  # seconds; it may have been killed just now
BODY = b"\x0a\x0a\x12\x08\x12\x06\x2a\x04life"  # a span with this name
EXPORT = (b"POST /v1/traces HTTP/1.1\r\nHost: relay\r\nContent-Type: application/x-protobuf\r\n"
          b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY))
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def failures(network, user, checks=CHECKS, versions=(4, 6)):
    """Runs the checks, and returns the names of those that fail."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        found = ["life could not be tried"]
        try:
            network.enter()
            if user:
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
            found = [f"{each.__name__.replace('_', ' ')}, IPv{version}" for each in checks for version in versions
                     if not _holds(each, version)]
        finally:
            os.write(theirs, json.dumps(found).encode())
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as stream:
        text = stream.read()
    os.waitpid(pid, 0)
    return json.loads(text)


def _holds(function, version):
    try:
        return function(version)
    except OSError:
        return False


def _socket(version, kind):
    made = socket.socket(FAMILY[version], kind)
    made.settimeout(PATIENCE)
    return made


def _ask(version, server, name):
    with _socket(version, socket.SOCK_DGRAM) as asker:
        asker.connect((server, 53))
        asker.send(question(name))
        return asker.recv(512)


@check
def an_allowed_name_is_answered(version):
    return _ask(version, LOOPBACK[version], "allowed.hunt.example")[3] & 15 == 0


@check
def a_denied_name_is_refused_at_any_server(version):
    return _ask(version, UNLISTED[version], "denied.hunt.example")[3] & 15 == 3


@check
def the_upstreams_own_address_leads_to_the_gate(version):
    return _ask(version, RESOLVER[version], "denied.hunt.example")[3] & 15 == 3


@check
def a_name_is_answered_over_tcp(version):
    with _socket(version, socket.SOCK_STREAM) as asker:
        asker.connect((UNLISTED[version], 53))
        message = question("allowed.hunt.example")
        asker.sendall(struct.pack("!H", len(message)) + message)
        return len(asker.recv(512)) > 2


@check
def an_admitted_address_is_reached_by_tcp(version):
    with _socket(version, socket.SOCK_STREAM) as out:
        out.connect((ALLOWED[version], 443))
        out.sendall(b"x" * 5000)
        return True


@check
def an_admitted_address_answers_by_udp(version):
    with _socket(version, socket.SOCK_DGRAM) as out:
        out.connect((ALLOWED[version], 443))
        out.send(b"life")
        return out.recv(10) == b"life"


@check
def an_unlisted_address_is_refused_at_once_by_tcp(version):
    begin = time.monotonic()
    with _socket(version, socket.SOCK_STREAM) as out:
        error = out.connect_ex((UNLISTED[version], 443))
    return error not in (0, 11, 110) and time.monotonic() - begin < AT_ONCE


@check
def an_unlisted_address_is_refused_at_once_by_udp(version):
    with _socket(version, socket.SOCK_DGRAM) as out:
        out.connect((UNLISTED[version], 443))
        try:
            out.send(b"life")
            select.select([out], [], [], AT_ONCE)
            out.send(b"life")
        except OSError:
            return True
    return False


@check
def a_service_on_loopback_is_reached(version):
    with _socket(version, socket.SOCK_STREAM) as service, _socket(version, socket.SOCK_STREAM) as client:
        service.bind((LOOPBACK[version], 0))
        service.listen()
        client.connect(service.getsockname()[:2])
        accepted, _ = service.accept()
        with accepted:
            client.sendall(b"life")
            return accepted.recv(10) == b"life"


@check
def a_closed_port_on_loopback_refuses_at_once(version):
    with _socket(version, socket.SOCK_STREAM) as client:
        begin = time.monotonic()
        error = client.connect_ex((LOOPBACK[version], 7999))
        return error == 111 and time.monotonic() - begin < AT_ONCE


def _status_of_an_export():
    with socket.create_connection(RELAY, PATIENCE) as client:
        client.sendall(EXPORT)
        return client.recv(100).split(b" ")[1]


def an_export_is_taken_by_the_relay(version):
    end = time.monotonic() + RELAYS_PATIENCE
    while True:
        try:
            if _status_of_an_export() == b"200":
                return True
        except (OSError, IndexError):
            pass
        if time.monotonic() > end:
            return False
        time.sleep(0.1)


OF_THE_RELAY = [an_export_is_taken_by_the_relay]
