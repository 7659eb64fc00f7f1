"""Hellos of an agent that wants to reach another name at an address that it may reach. The servers must never get a
complete one that asks for it."""

import contextlib
import socket
import threading
import time

import pytest

from support import hello as tls
from support.hosting import FREE, MIXED, RETRYING, SHARED, assert_cut, assert_ended, assert_reset, call, listening, send
from support.waiting import eventually

POLICY = {"allow": ["allowed.example", "second.example", "elsewhere.example", "retrying.example", "free.example",
                    "mixed.example:443/raw", "web.mixed.example"]}


# Hellos -------------------------------------------------------------------------------------------

HTTP = b"GET / HTTP/1.1\r\nHost: allowed.example\r\n\r\n"
SSL2 = bytes.fromhex("802e0103010015000000100100800300800700c0060040020080040080") + bytes(17)
WARNING = tls.record(b"\x01\x70", tls.ALERT)
CHANGE = tls.record(b"\x01", tls.CHANGE_CIPHER_SPEC)
EARLY = tls.record(bytes(300), tls.APPLICATION_DATA)
ENCRYPTED = tls.extension(tls.ENCRYPTED_HELLO, bytes(64))
REFUSED = {
    "an unlisted name": (tls.hello("evil.example"), "no-rule"),
    "an allowed name of another address": (tls.hello("elsewhere.example"), "not-admitted"),
    "a name below an allowed one": (tls.hello("evil.allowed.example"), "no-rule"),
    "no name": (tls.hello(), "no-name"),
    "an empty name": (tls.hello(""), "no-host-name"),
    "an IPv4 address": (tls.hello(SHARED[4]), "no-host-name"),
    "an IPv6 address": (tls.hello(SHARED[6]), "no-host-name"),
    "two names": (tls.hello("allowed.example", "evil.example"), "several-names"),
    "two names, the other first": (tls.hello("evil.example", "allowed.example"), "several-names"),
    "the extension twice": (tls.hello("allowed.example", after=tls.server_name("evil.example")), "extension-twice"),
    "a dot at the end": (tls.hello("allowed.example."), "no-host-name"),
    "a NUL": (tls.hello("allowed.example\0.evil.example"), "no-host-name"),
    "a NUL at the end": (tls.hello("allowed.example\0"), "no-host-name"),
    "a space": (tls.hello(" allowed.example"), "no-host-name"),
    "octets that are no ASCII": (tls.hello(b"\xc4\xb1llowed.example"), "no-host-name"),
    "an encrypted hello": (tls.hello("allowed.example", after=ENCRYPTED), "encrypted"),
    "HTTP": (HTTP, "not-tls"),
    "SSH": (b"SSH-2.0-agent\r\n", "not-tls"),
    "SSL 2": (SSL2, "ssl2"),
    "an alert first": (WARNING + tls.hello("allowed.example"), "not-tls"),
    "another message first": (tls.record(b"\x0e\x00\x00\x00") + tls.hello("allowed.example"), "malformed"),
    "another hello in its record": (tls.records(tls.message("allowed.example") + tls.message("evil.example")), "malformed"),
    "another hello behind it": (tls.hello("allowed.example") + tls.hello("evil.example"), "early-hello"),
    "more than 16 KiB": (tls.hello("allowed.example", padding=17000), "too-long"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_such_a_beginning_is_refused_at_once(internet, container, agent, what, family):
    octets, why = REFUSED[what]
    assert_reset(send(agent, SHARED[family], octets))
    assert internet.octets() == b""
    assert container.eventually_audited("deny", kind="tls", address=SHARED[family], port=443, why=why)


@pytest.mark.parametrize("name", ["evil.example", "elsewhere.example"])
def test_the_audit_names_what_was_asked_for(container, agent, name, family):
    send(agent, SHARED[family], tls.hello(name))
    event, = container.eventually_audited("deny", kind="tls", name=name, address=SHARED[family])[:1]
    assert event["port"] == 443 and event["protocol"] == "tcp" and event["count"] >= 1 and event["why"], event


@pytest.mark.parametrize("before", [WARNING, CHANGE, EARLY, tls.record(b"")],
                         ids=["an alert", "a change of ciphers", "data", "nothing"])
def test_a_hello_behind_another_record_is_refused_where_other_protocols_are_allowed(internet, agent, before, family):
    """Servers in Go ignore an alert before the hello, and others an empty record."""
    assert_reset(send(agent, MIXED[family], before + tls.hello("evil.example")))
    assert internet.octets() == b""


def test_urgent_data_is_refused(internet, agent, family):
    """The urgent octet is in the stream of one server and not in that of another."""
    whole = tls.hello("allowed.example")
    at = whole.index(b"allowed") + 3
    for pieces, urgent in (([whole[:at] + b"x", whole[at:]], 0), ([whole[:at], b"x", whole[at:]], 1), ([whole], 0)):
        assert_cut(send(agent, SHARED[family], *pieces, urgent=urgent, pause=0.01))
    assert not any(visit.octets.startswith(whole) or b"example" in visit.octets for visit in internet.visited)


def test_a_hello_that_is_not_finished_in_ten_seconds_is_refused(internet, container, agent):
    whole = tls.hello("allowed.example")
    for family in (4, 6):
        assert call(agent, "open_kept", family, SHARED[family])["reached"]
        assert call(agent, "say_kept", family, whole[:100])["reached"]
    time.sleep(11)
    for family in (4, 6):
        call(agent, "say_kept", family, whole[100:])
        assert_ended(call(agent, "hear_kept", family, 10))  # when the kernel sends again
    assert internet.octets() == b""
    assert container.eventually_audited("deny", kind="tls", why="unfinished")


@pytest.mark.parametrize("how", ["at once", "in two pieces", "in pieces"])
def test_a_hello_of_a_socket_that_is_closed_is_not_sent(internet, agent, how, family):
    """The kernel sends it for nobody then."""
    whole = tls.hello("evil.example", padding=400)
    pieces = {"at once": [whole], "in two pieces": [whole[:60], whole[60:]],
              "in pieces": [whole[at:at + 50] for at in range(0, len(whole), 50)]}[how]
    call(agent, "send_and_close", SHARED[family], pieces)
    time.sleep(1)
    assert all(visit.octets != whole and whole.startswith(visit.octets) for visit in internet.visited)


# A second hello -----------------------------------------------------------------------------------

FIRST = tls.hello("retrying.example")


def test_the_second_hello_passes_with_the_same_name(internet, agent, family):
    outcome = call(agent, "send_after_each_answer", RETRYING[family], [[FIRST + EARLY], [CHANGE + FIRST]], answers=1)
    assert outcome["reached"] and bytes.fromhex(outcome["answer"][0]) == tls.retry_request(), outcome
    eventually(lambda: internet.octets() == FIRST + EARLY + CHANGE + FIRST, "both arrive")


SECOND = {
    "another name": [[FIRST], [tls.hello("evil.example")]],
    "another allowed name": [[FIRST], [tls.hello("allowed.example")]],
    "no name": [[FIRST], [tls.hello()]],
    "an encrypted hello": [[FIRST], [tls.hello("retrying.example", after=ENCRYPTED)]],
    "behind a change of ciphers": [[FIRST], [CHANGE + tls.hello("evil.example")]],
    "behind early data": [[FIRST + EARLY], [EARLY + CHANGE + tls.hello("evil.example")]],
    "in a piece of its own behind early data": [[FIRST, EARLY], [EARLY, CHANGE, tls.hello("evil.example")]],
    "in several records": [[FIRST], [tls.records(tls.message("evil.example"), 40)]],
    "not TLS": [[FIRST], [HTTP]],
}


@pytest.mark.parametrize("what", SECOND)
def test_the_second_hello_does_not_pass_with_another_name(internet, agent, what, family):
    first, second = SECOND[what]
    assert_cut(call(agent, "send_after_each_answer", RETRYING[family], [first, second]))
    octets = internet.octets()
    assert octets.startswith(FIRST) and b"evil" not in octets and len(octets) < len(b"".join(first + second)), octets


def test_the_second_hello_in_pieces_does_not_arrive_whole(internet, agent, family):
    second = tls.hello("evil.example")
    pieces = [second[at:at + 20] for at in range(0, len(second), 20)]
    assert_cut(call(agent, "send_after_each_answer", RETRYING[family], [[FIRST], pieces]))
    rest = internet.octets().removeprefix(FIRST)
    assert second.startswith(rest) and rest != second


@pytest.mark.parametrize("pieces", [[FIRST + tls.hello("evil.example")], [FIRST, tls.hello("evil.example")],
                                    [FIRST[:50], FIRST[50:] + CHANGE + tls.hello("evil.example")]],
                         ids=["in one packet", "in two", "in the packet of its end"])
def test_a_second_hello_before_the_answer_does_not_pass(internet, agent, pieces, family):
    assert_cut(call(agent, "send_after_each_answer", RETRYING[family], [pieces, []], answers=2))
    assert b"evil" not in internet.octets() and FIRST.startswith(internet.octets())


@pytest.mark.parametrize("before", [b"", bytes.fromhex("15030300020170")], ids=["alone", "behind a warning"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_retry_request_in_pieces_is_seen(internet, agent, before, size, family):
    first, second = tls.hello("free.example"), tls.hello("evil.example")
    got = []

    def serve(server):
        connection, _ = server.accept()
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            got.append(connection.recv(65536))
            for at in range(0, len(answer := before + tls.retry_request()), size):
                connection.sendall(answer[at:at + size])
                time.sleep(0.001)
            connection.settimeout(1)
            with contextlib.suppress(OSError):
                got.append(connection.recv(65536))
    with listening(internet, FREE[family]) as server:
        (thread := threading.Thread(target=serve, args=(server,))).start()
        call(agent, "send_after_answer_of", FREE[family], first, len(before + tls.retry_request()), second)
        thread.join()
    assert b"".join(got) == first


def test_of_a_hello_without_its_last_octet_the_name_does_not_arrive(internet, agent, family):
    """Some servers choose the site as soon as they have the name."""
    octets = tls.hello("evil.example", after=tls.extension(tls.PADDING, bytes(500)))
    assert_reset(send(agent, SHARED[family], octets[:-1]))
    assert b"evil" not in internet.octets()


def test_a_whole_record_of_a_hello_that_claims_to_be_longer_does_not_arrive(internet, agent, family):
    message = tls.message("evil.example")
    octets = tls.record(message[:1] + (len(message) + 196).to_bytes(3, "big") + message[4:])
    assert_reset(send(agent, SHARED[family], octets))
    assert b"evil" not in internet.octets()
