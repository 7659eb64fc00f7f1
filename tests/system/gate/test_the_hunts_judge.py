"""The judge of scripts/hunt knows what the relay may send to its collector, and what may be in a flow to the shared
address. Here there is no gate: each connection is another's, unless it says what the relay says."""

import contextlib
import socket
import struct
import threading

import pytest

import hunt.round
from hunt import life
from hunt.internet import Internet
from hunt.round import AUTHORIZATION, Round, Settings
from hunt.tools import tools_for
from support.waiting import eventually

AT = {4: "198.51.100.18", 6: "2001:db8:18::18"}
SHARED = {4: "198.51.100.20", 6: "2001:db8:20::20"}
UNKNOWN = {4: "203.0.113.66", 6: "2001:db8:66::66"}
HIDDEN = "the name that is not allowed"
NO_HELLO, NO_REQUEST = "octets that are not the hello", "octets that are not of a permitted request"
ANOTHERS = "another's connection to the collector"
OF_ANOTHER_FORM = "a request that the relay may not send"
WITHOUT_REQUEST = "a connection to the collector without a request"


def request(path="/hunt/v1/traces", method="POST", host="collector.hunt.example:4318", authorization=AUTHORIZATION,
            length=4, more=b"", version="1.1", body=b"span"):
    return (f"{method} {path} HTTP/{version}\r\nHost: {host}\r\nContent-Type: application/x-protobuf\r\n"
            f"Content-Length: {length}\r\n").encode() + more + f"Authorization: {authorization}\r\n\r\n".encode() + body


@pytest.fixture
def new_round(scratch, binary):
    """Rounds without a boot."""
    with contextlib.ExitStack() as stack:
        internet = Internet()
        stack.callback(internet.close)

        def make(scope="container", **settings):
            round = Round(internet, scratch, tools_for(binary), Settings(scope=scope, who="user", quiet=True, **settings), 1)
            stack.callback(round.close, internet)
            round.page.excused = 0
            return round
        yield make


def findings(round):
    """Without the kernel's own packets, which no rules hold back here."""
    return [each for each in round.new_findings() if "multicast group report" not in each["class"]]


def classes(round):
    return {each["class"] for each in findings(round)}


def eventually_finds(round, what):
    found = set()
    eventually(lambda: found.update(classes(round)) or what in found, f"{what!r} is found, not {found}")
    return found


def connected(round, family, port=4318, kind=socket.SOCK_STREAM, at=AT):
    with round.link.network.entered():
        made = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, kind)
    made.settimeout(10)
    made.connect((at[family], port))
    return made


@pytest.mark.parametrize("family", [4, 6])
def test_requests_of_the_relay_are_no_finding_even_octet_by_octet(new_round, family):
    round = new_round(relay=True)
    for path in ("traces", "metrics", "logs"):
        # The collector answers, or ends the connection.
        for octets in ([request(f"/hunt/v1/{path}") * 3], [bytes([each]) for each in request(f"/hunt/v1/{path}")]):
            with connected(round, family) as relay:
                for each in octets:
                    relay.sendall(each)
                relay.recv(1000)
    eventually(lambda: round.page.relayed >= 6, "the requests arrive")
    assert classes(round) == set()


@pytest.mark.parametrize("octets", [
    b"x", b"\r\n", b"GET /", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", request(method="PUT"), request(version="1.0"),
    request("/v1/traces"), request("/hunt/v1/trace"), request("/hunt/v1/traces/"), request("/hunt/v1/traces?a"),
    request("/hunt/v1/../v1/traces"), request("//hunt/v1/traces"), request("http://collector.hunt.example:4318/hunt/v1/traces"),
    request(host="collector.hunt.example"), request(host="other.example:4318"),
    request(authorization="Bearer forged"), request(authorization=AUTHORIZATION + " "),
    request(length="04"), request(length="+4"), request(length="4, 4"), request(length=""), request(length=123456789),
    request(more=b"Host: collector.hunt.example:4318\r\n"), request(more=b"Content-Length: 4\r\n"),
    request(more=b"Transfer-Encoding: chunked\r\n"), request(more=b"X-Hunt: a\r\n"), request(more=b" folded\r\n"),
    request(more=b"Authorization: Bearer forged\r\n"), request(more=b"\n"), request().replace(b"\r\n", b"\n"),
    request().replace(b"Host", b"host"), b"POST /hunt/v1/traces HTTP/1.1\r\n\r\n",
    b"POST /hunt/v1/traces HTTP/1.1\r\n" + b"a" * 2000])
def test_another_request_is_anothers_connection(new_round, octets):
    round = new_round(relay=True)
    with connected(round, 4) as stranger:
        stranger.sendall(octets)
        eventually_finds(round, ANOTHERS)


def test_a_further_request_of_another_form_is_a_finding_with_its_octets_and_program(new_round):
    round = new_round(relay=True)
    octets = request() + b"GET /hunt/hidden HTTP/1.1\r\nX-Hunt: hunt:00000000deadbeef\r\n\r\n"
    found = []

    def finds():
        # The collector may end the connection behind the first request.
        with connected(round, 4) as relay:
            relay.sendall(octets)
            with contextlib.suppress(ConnectionError):
                relay.recv(1000)
                relay.recv(1000)
        found.extend(findings(round))
        return found
    eventually(finds, "the second request is found")
    assert {each["class"] for each in found} == {OF_ANOTHER_FORM}
    assert found[0]["seed"] == "0x00000000deadbeef" and "GET /hunt/hidden" in found[0]["evidence"]


def classes_without_request(round):
    """The classes after a connection without a request. The collector serves one after the other."""
    connected(round, 4).close()
    with connected(round, 4) as relay:
        relay.sendall(request())
        relay.recv(1000)
    return classes(round)


def test_a_connection_without_a_request_is_a_finding_unless_a_helper_was_just_killed(new_round):
    round = new_round(relay=True)
    round._expect_cut_connections()
    assert classes_without_request(round) == set()
    round.page.killed_until = 0
    assert classes_without_request(round) == {WITHOUT_REQUEST}


def test_a_killed_relay_leaves_at_most_one_connection_behind_that_comes_later(new_round):
    round = new_round(relay=True)
    round.page.relay_kills = 1
    assert classes_without_request(round) == set()
    assert classes_without_request(round) == {WITHOUT_REQUEST}


@pytest.mark.parametrize("family", [4, 6])
def test_other_packets_to_the_collector_are_findings(new_round, family):
    round = new_round(relay=True)
    with connected(round, family, kind=socket.SOCK_DGRAM) as stranger:
        stranger.send(b"datagram")
    eventually_finds(round, f"IPv{family} UDP, to the collector past the relay")
    with connected(round, family, port=443) as stranger:
        stranger.sendall(b"x")
    eventually_finds(round, f"IPv{family} TCP, to the collector past the relay")


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("scope, port, is_found", [("user", 4318, False), ("user", 4444, True), ("container", 4318, True)])
def test_a_flow_that_began_without_rules_goes_on_only_in_user_scope_by_an_answer(new_round, family, scope, port, is_found):
    round = new_round(scope=scope, relay=True)
    round.page.excused = 1
    with connected(round, family, port, kind=socket.SOCK_DGRAM) as stranger:
        with contextlib.suppress(ConnectionRefusedError):  # where nobody answers
            stranger.send(b"datagram")
            stranger.recv(100)
        eventually(lambda: round.page.wire_excused > 0, "the datagram is excused")
        round.page.excused = 0
        stranger.send(b"another")
    with connected(round, family, kind=socket.SOCK_DGRAM, at=UNKNOWN) as judged_later:
        judged_later.send(b"datagram")
        found = eventually_finds(round, f"IPv{family} UDP, to an unknown host")
    assert (f"IPv{family} UDP, to the collector past the relay" in found) == is_found


def test_a_chosen_source_port_is_not_the_gates(new_round):
    round = new_round(relay=True)
    with round.link.network.entered():
        stranger = socket.create_connection((AT[4], 4318), 10, ("0.0.0.0", 7001))
    with stranger:
        eventually_finds(round, "IPv4 TCP, to the collector past the relay")


def test_a_connection_that_begins_with_data_is_not_the_gates(new_round):
    round = new_round(relay=True)
    round.link.network.sysctl("ipv4/tcp_fastopen", 5)  # without a cookie
    with round.link.network.entered():
        stranger = socket.socket()
    with stranger:
        stranger.sendto(request(), socket.MSG_FASTOPEN, (AT[4], 4318))
        eventually_finds(round, "IPv4 TCP, to the collector past the relay")


@pytest.mark.parametrize("family", [4, 6])
def test_without_the_relay_the_collector_is_an_unknown_host(new_round, family):
    round = new_round()
    with connected(round, family) as stranger:
        stranger.sendall(request())
    assert eventually_finds(round, f"IPv{family} TCP, to an unknown host") == {f"IPv{family} TCP, to an unknown host"}


def test_after_a_hunt_the_relay_must_take_an_export(new_round, monkeypatch):
    monkeypatch.setattr(life, "RELAYS_PATIENCE", 0)
    network = new_round(relay=True).link.network
    assert life.failures(network, 0, life.OF_THE_RELAY, [4]) == ["an export is taken by the relay, IPv4"]
    answers = [b"HTTP/1.1 503 Refused\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]
    with network.entered():
        relay = socket.create_server(life.RELAY)

    def serve():
        for answer in answers:
            connection, _ = relay.accept()
            connection.recv(1000)
            connection.sendall(answer)
            connection.close()
    with relay:
        threading.Thread(target=serve, daemon=True).start()
        assert life.failures(network, 0, life.OF_THE_RELAY, [4]) == ["an export is taken by the relay, IPv4"]
        assert life.failures(network, 0, life.OF_THE_RELAY, [4]) == []


# Names at the shared address ------------------------------------------------------------------------

GET = b"GET /hunt HTTP/1.1\r\nHost: %s.hunt.example\r\n\r\n"
POST = b"POST /hunt HTTP/1.1\r\nHost: shared.hunt.example\r\n%s\r\n"
RETRY, REFUSAL = b"\x16", b"\x15"  # how the server's answers begin; of three hellos one gets none
MOST_ANSWERS = 6


def hello(name="shared"):
    """That of the programs."""
    listed = f"{name}.hunt.example".encode()
    extensions = b"".join(struct.pack("!HH", kind, len(content)) + content for kind, content in [
        (0, struct.pack("!HBH", len(listed) + 3, 0, len(listed)) + listed), (43, b"\4\3\4\3\3"), (10, b"\0\2\0\x1d"),
        (13, b"\0\4\4\3\x08\4"), (21, bytes(300))])
    body = (b"\3\3" + bytes(32) + b"\x20" + b"s" * 32 + b"\0\6\x13\1\x13\2\xc0\x2b\1\0" + struct.pack("!H", len(extensions)) +
            extensions)
    return b"\x16\3\1" + struct.pack("!H", len(body) + 4) + b"\1" + len(body).to_bytes(3, "big") + body


def finds(round, family, port, pieces):
    """The class of the first finding, without its family."""
    found = []
    with connected(round, family, port, at=SHARED) as out:
        out.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for each in pieces:
            out.sendall(each)
        eventually(lambda: found.extend(classes(round)) or found, f"{pieces} is found")
    return found[0].removeprefix(f"IPv{family} TCP, ")


@pytest.mark.parametrize("family", [4, 6])
def test_what_names_the_allowed_host_is_no_finding_even_octet_by_octet(new_round, family):
    round = new_round(names=True)
    for port, octets in [(443, hello()), (80, GET % b"shared" * 3),
                         (80, POST % b"Content-Length: 4\r\n" + b"span" + GET % b"shared")]:
        for pieces in ([octets], [bytes([each]) for each in octets]):
            named = round.page.named
            with connected(round, family, port, at=SHARED) as out:
                out.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for each in pieces:
                    out.sendall(each)
                eventually(lambda: round.page.named > named, "it arrives")
    assert classes(round) == set()


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("port, pieces, what", [
    (443, [hello("hidden")], HIDDEN), (443, [hello("hidden")[:150], hello("hidden")[150:]], NO_HELLO), (443, [b"x"], NO_HELLO),
    (443, [hello()[:150], b"x"], NO_HELLO), (443, [GET % b"shared"], NO_HELLO),
    (443, [hello() + hello("hidden")], "octets behind a hello, before the answer"),
    (80, [GET % b"hidden"], HIDDEN), (80, [(GET % b"hidden")[:30], (GET % b"hidden")[30:]], HIDDEN),
    (80, [GET % b"shared" + GET % b"hidden"], HIDDEN), (80, [GET % b"shared", GET % b"hidden"], HIDDEN),
    (80, [GET % b"shared", (GET % b"hidden")[:30], (GET % b"hidden")[30:]], HIDDEN),
    (80, [POST % b"Content-Length: 4\r\n" + b"span" + GET % b"hidden"], HIDDEN),
    (80, [POST % b"Host: hidden.hunt.example\r\n"], HIDDEN), (80, [POST % b"Host: shared.hunt.example\r\n"], NO_REQUEST),
    (80, [POST % b"X-Hunt: a\r\n Host: hidden.hunt.example\r\n"], HIDDEN),
    (80, [(GET % b"shared").replace(b"\r", b"")], NO_REQUEST),
    (80, [POST.replace(b"POST", b"GET") % b"Content-Length: 4\r\n"], NO_REQUEST),
    (80, [POST % b"Content-Length: 4\r\nContent-Length: 9\r\n"], NO_REQUEST), (80, [b"GET /hunt HTTP/1.1\r\n\r\n"], NO_REQUEST),
    (80, [POST % b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"], NO_REQUEST), (80, [hello()], NO_REQUEST),
    (80, [b"GET http://hidden.hunt.example/ HTTP/1.1\r\n"], HIDDEN), (80, [POST % b"Upgrade: websocket\r\n"], NO_REQUEST),
    (80, [b"CONNECT shared.hunt.example:80 HTTP/1.1\r\n"], NO_REQUEST), (80, [b"\0"], NO_REQUEST)])
def test_what_does_not_name_the_allowed_host_alone_is_a_finding(new_round, family, port, pieces, what):
    # The kernel may have several pieces leave in one packet.
    assert finds(new_round(names=True), family, port, pieces) in (what, HIDDEN)


def test_behind_a_hello_the_answer_decides_what_may_follow(new_round):
    round = new_round(names=True)
    seen = set()
    for _ in range(MOST_ANSWERS):
        with connected(round, 4, 443, at=SHARED) as out:
            out.settimeout(0.5)
            out.sendall(hello())
            answer = b""
            with contextlib.suppress(TimeoutError):
                answer = out.recv(1000)
            seen.add(answer[:1])
            out.sendall(hello("hidden"))
            if answer[:1] == RETRY:
                eventually_finds(round, f"IPv4 TCP, {HIDDEN}")
            elif not answer:
                eventually_finds(round, "IPv4 TCP, octets behind a hello, before the answer")
        assert classes(round) == set()
        round.page.epoch += 1  # reports each class again
    assert seen == {RETRY, REFUSAL, b""}


def test_a_second_hello_with_the_allowed_name_opens_the_flow(new_round):
    round = new_round(names=True)
    answers = []
    for _ in range(3):
        with connected(round, 4, 443, at=SHARED) as out:
            out.settimeout(0.5)
            out.sendall(hello())
            with contextlib.suppress(TimeoutError):
                answers.append(out.recv(1000)[:1])
                out.sendall(hello() + b"anything")
    assert sorted(answers) == [REFUSAL, RETRY] and classes(round) == set()


@pytest.mark.parametrize("family", [4, 6])
def test_other_packets_to_the_shared_address_are_findings(new_round, family):
    round = new_round(names=True)
    with connected(round, family, 443, socket.SOCK_DGRAM, SHARED) as out:
        out.send(hello())
    eventually_finds(round, f"IPv{family} UDP, another port or protocol of the shared address")
    with connected(round, family, 7001, at=SHARED):
        eventually_finds(round, f"IPv{family} TCP, another port or protocol of the shared address")


def test_a_flow_to_the_shared_address_that_begins_with_data_is_a_finding(new_round):
    round = new_round(names=True)
    round.link.network.sysctl("ipv4/tcp_fastopen", 5)  # without a cookie
    with round.link.network.entered():
        out = socket.socket()
    with out:
        out.sendto(GET % b"shared", socket.MSG_FASTOPEN, (SHARED[4], 80))
        eventually_finds(round, "IPv4 TCP, octets in a flow that began unseen")


def test_without_names_the_shared_address_is_an_unknown_host(new_round):
    round = new_round()
    with connected(round, 4, 443, at=SHARED) as out:
        out.sendall(hello())
        assert eventually_finds(round, "IPv4 TCP, to an unknown host") == {"IPv4 TCP, to an unknown host"}


def test_a_hunt_finds_a_gate_that_reads_no_names(new_round, monkeypatch):
    monkeypatch.setattr(hunt.round, "ALLOW_BY_NAME", ["off" if each == "on" else each for each in hunt.round.ALLOW_BY_NAME])
    round = new_round(names=True)
    assert round.boot(), round.boot_failure
    found = set()
    wanted = {f"IPv{family} TCP, {what}" for family in (4, 6) for what in (HIDDEN, NO_HELLO, NO_REQUEST)}
    eventually(lambda: found.update(classes(round)) or wanted <= found, f"the programs find {wanted}, not {found}")
    round.end(0)
