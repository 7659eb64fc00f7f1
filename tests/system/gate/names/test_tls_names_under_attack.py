"""An agent that wants to reach another name at an address that it may reach. The servers must never get a
complete hello that asks for it."""

import contextlib
import os
import signal
import socket
import threading
import time

import pytest

from support import hello as tls
from support import processes
from support.behaviours import host
from support.hosting import (FATAL_ALERT, FREE, MIXED, QUIET, RESET, RETRYING, SHARED, assert_answered, assert_cut,
                             assert_reset, call, fetch, listening, losing, repaired, send, start)
from support.rootfs import OTHER
from support.untracked import UNTRACKED_IPV6
from support.waiting import eventually

POLICY = {"allow": ["allowed.example", "second.example", "elsewhere.example", "retrying.example", "quiet.example",
                    "free.example", "mixed.example:443/raw", "web.mixed.example"]}
TRIES = 600  # for each of eight ways
SAME_CHECKSUM = b"quiet.example", b"iequt.example"  # TCP cannot see that the one has become the other

ONCE = pytest.mark.parametrize("scope_and_user", [("container", "agent")], ids=" ".join, indirect=True)
IN_CONTAINER_SCOPE = pytest.mark.parametrize("scope_and_user", [("container", "agent"), ("container", "root")], ids=" ".join,
                                             indirect=True)


@pytest.fixture(scope="module", params=[("container", "root"), ("user", "agent")], ids=" ".join)
def scope_and_user(request):
    """In container scope an ordinary user can do no more than root."""
    return request.param


def assert_ended(outcome):
    """In any way, without an answer."""
    assert not outcome.get("answer"), outcome


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


# Tricks of TCP ------------------------------------------------------------------------------------

@ONCE
@pytest.mark.parametrize("kind, segments", [("sendfile", None), ("vmsplice", None), ("MSG_ZEROCOPY", None), ("vmsplice", 100)])
def test_a_page_that_changes_while_it_is_sent(internet, agent, kind, segments, family):
    """The gate reads now the one name and now the other."""
    good, evil = SAME_CHECKSUM
    octets = tls.hello("quiet.example")
    outcome = call(agent, "race", kind, QUIET[family], octets, good, evil, TRIES, segments=segments, patience=200)
    assert outcome["reached"], outcome
    assert [visit for visit in internet.visited if len(visit.octets) == len(octets) and visit.octets != octets] == []
    assert outcome["answer"].keys() >= {"answered", "ECONNRESET"}, outcome


@pytest.mark.parametrize("octets", [88, 200])
def test_a_hello_in_small_segments(internet, agent, octets, family):
    """The kernel cuts one write."""
    assert_answered(fetch(agent, SHARED[family], "allowed.example", segments=octets), "allowed.example")
    internet.forget()
    evil = tls.hello("evil.example", padding=600)
    assert_cut(send(agent, SHARED[family], evil, segments=octets))
    assert evil.startswith(internet.octets()) and internet.octets() != evil


@pytest.mark.parametrize("options", [b"\1\1\1\1", b"\7\x0b\4" + bytes(9), b"\x44\x0c\5\0" + bytes(8)],
                         ids=["no operation", "record the route", "timestamps"])
def test_ip_options_before_the_hello(internet, agent, options):
    outcome = agent.python(f"""
with socket.socket() as out:
    out.settimeout(1)
    out.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, {options!r})
    out.connect(({SHARED[4]!r}, 443))
    out.sendall({tls.hello("evil.example")!r})
    value = out.recv(100).hex()""")
    assert not outcome["reached"] and internet.octets() == b"", outcome


def test_a_retransmission_with_another_name_does_not_pass(internet, agent, family):
    good, evil = SAME_CHECKSUM
    with losing(internet, "tcp dport 443 meta length > 200"):
        assert call(agent, "send_page", "page", QUIET[family], tls.hello("quiet.example"))["reached"]
        assert call(agent, "change_page", "page", good, evil)["reached"]
        time.sleep(0.1)
        assert internet.octets() == b""
    outcome = call(agent, "hear_kept", "page", timeout=5)
    assert not outcome["reached"], outcome
    assert evil not in internet.octets(), outcome
    call(agent, "reset_kept", "page")


@pytest.mark.parametrize("name", ["quiet.example", "evil.example"])
def test_a_syn_with_data_passes_only_as_others_do(internet, agent, name, family):
    """TCP Fast Open, to a server that takes data without a cookie."""
    internet.network.sysctl("ipv4/tcp_fastopen", 0x603)
    try:
        outcome = call(agent, "fast_open", QUIET[family], tls.hello(name))
    finally:
        internet.network.sysctl("ipv4/tcp_fastopen", 1)
    if name == "quiet.example":
        assert outcome["reached"] and internet.octets() == tls.hello(name), outcome
    else:
        assert_cut(outcome)
        assert internet.octets() == b""


def test_a_connection_from_the_port_of_an_earlier_one_is_held(internet, agent, family):
    port = call(agent, "open_kept", "first", SHARED[family])["answer"]
    assert call(agent, "reset_kept", "first")["reached"]
    assert_answered(fetch(agent, SHARED[family], "allowed.example", source=port, ending="reset"), "allowed.example")
    internet.forget()
    assert_reset(send(agent, SHARED[family], tls.hello("evil.example"), source=port))
    assert internet.octets() == b""
    assert_answered(fetch(agent, SHARED[family], "allowed.example", source=port, ending="reset"), "allowed.example")


def opened(agent, server, address):
    """A verified flow. Returns the agent's port, and the server's end."""
    port = call(agent, "open_kept", "lost", address)["answer"]
    connection, _ = server.accept()
    assert call(agent, "say_kept", "lost", tls.hello("free.example"))["reached"]
    assert connection.recv(65536)
    connection.sendall(FATAL_ALERT)
    assert call(agent, "hear_kept", "lost")["reached"]
    assert call(agent, "say_kept", "lost", b"goes on")["reached"]
    assert connection.recv(65536) == b"goes on"
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    return port, connection


def end(internet, agent, connection, how):
    """Lost: the packets of the end of either side are lost, so the kernel has the flow as established."""
    if how == "lost":
        with losing(internet, "tcp dport 443"):
            connection.close()
            assert call(agent, "time_out_kept", "lost")["reached"]
    else:
        connection.close()
        assert call(agent, "hear_kept", "lost")["error"] == "ECONNRESET"
        assert call(agent, "reset_kept", "lost")["reached"]


def octets_at(server, agent, address, port, octets, timeout=1):
    """What the server gets in a new connection from this port."""
    outcome = call(agent, "send", address, [octets], source=port, timeout=timeout)
    server.settimeout(0.5)
    try:
        connection, _ = server.accept()
    except TimeoutError:
        return b"", outcome
    with connection:
        connection.settimeout(1)
        try:
            return connection.recv(65536), outcome
        except OSError:
            return b"", outcome


@pytest.mark.parametrize("how", ["lost", "reset by the server"])
def test_a_connection_from_the_port_of_an_ended_one_is_held(internet, agent, how, family):
    with listening(internet, FREE[family]) as server:
        port, connection = opened(agent, server, FREE[family])
        end(internet, agent, connection, how)
        octets, outcome = octets_at(server, agent, FREE[family], port, tls.hello("evil.example"))
        assert octets == b"" and not outcome["reached"], outcome
        # The kernel must forget the refused flow first, and perhaps the server the earlier one.
        octets, outcome = octets_at(server, agent, FREE[family], port, tls.hello("free.example"), timeout=5)
        assert octets == tls.hello("free.example"), outcome


@pytest.mark.parametrize("how", ["lost", "reset by the server"])
def test_it_is_held_also_when_the_address_is_not_admitted_any_more(internet, own_container, scope_and_user, how, family):
    internet.upstream.name("free.example", host(FREE, ttl=1))
    agent = start(own_container, *scope_and_user, {"allow": ["free.example"]}, "--hold", "1")
    with listening(internet, FREE[family]) as server:
        port, connection = opened(agent, server, FREE[family])
        if how == "lost":
            end(internet, agent, connection, how)
        eventually(lambda: FREE[family] not in own_container.admitted_addresses(), "the admission is over")
        if how != "lost":
            end(internet, agent, connection, how)
        octets, outcome = octets_at(server, agent, FREE[family], port, tls.hello("evil.example"))
        assert octets == b"" and not outcome["reached"], outcome


# The gate dies, the rules are repaired --------------------------------------------------------------

def test_verified_flows_go_on_when_the_gate_is_killed(container, own_container, own_agent, family):
    agent = own_agent
    assert call(agent, "open_verified", "flow", SHARED[family], "allowed.example")["reached"]
    os.kill(before := own_container.gate(agent.session), signal.SIGKILL)
    for _ in range(3):
        assert call(agent, "ask_kept", "flow")["answer"] == "allowed.example"
    own_container.await_another_gate(agent.session, before)
    assert call(agent, "ask_kept", "flow")["answer"] == "allowed.example"


@pytest.mark.parametrize("name", ["allowed.example", "evil.example"])
def test_a_waiting_flow_never_goes_on_after_the_gate_was_killed(internet, own_container, own_agent, name, family):
    agent = own_agent
    assert call(agent, "open_kept", "flow", SHARED[family])["reached"]
    os.kill(before := own_container.gate(agent.session), signal.SIGSTOP)
    assert call(agent, "say_kept", "flow", tls.hello(name))["reached"]
    assert internet.octets() == b""
    os.kill(before, signal.SIGKILL)
    own_container.await_another_gate(agent.session, before)
    assert not call(agent, "hear_kept", "flow", timeout=4)["reached"]
    assert internet.octets() == b""
    assert_answered(fetch(agent, SHARED[family], "allowed.example"), "allowed.example")


def test_new_flows_are_held_by_the_next_gate_without_a_lookup(internet, own_container, own_agent, family):
    agent = own_agent
    before = own_container.gate(agent.session)
    os.kill(before, signal.SIGKILL)
    assert_answered(fetch(agent, SHARED[family], "allowed.example", timeout=10), "allowed.example")
    own_container.await_another_gate(agent.session, before)
    internet.forget()
    assert_reset(send(agent, SHARED[family], tls.hello("evil.example")))
    assert_reset(send(agent, SHARED[family], b"not TLS"))
    assert internet.octets() == b""
    assert internet.upstream.queries == []


def test_the_next_gate_knows_where_a_flow_may_be_without_tls(internet, own_container, own_agent, family):
    agent = own_agent
    os.kill(before := own_container.gate(agent.session), signal.SIGKILL)
    own_container.await_another_gate(agent.session, before)
    eventually(lambda: send(agent, MIXED[family], b"SSH-2.0-agent\r\n")["reached"], "the gate has resolved its names")


TAMPERING = ["delete table inet ostiary", "flush table inet ostiary", "flush ruleset", "flush chain inet ostiary ask"]


@pytest.mark.parametrize("change", TAMPERING)
def test_flows_are_held_after_a_repair_of_the_rules(internet, own_container, own_agent, change, family):
    agent = own_agent
    assert call(agent, "open_verified", "verified", SHARED[family], "allowed.example")["reached"]
    assert call(agent, "open_kept", "waiting", SHARED[family])["reached"]
    assert call(agent, "open_kept", "half", SHARED[family])["reached"]
    evil = tls.hello("evil.example")
    assert call(agent, "say_kept", "half", evil[:40])["reached"]
    repaired(own_container, agent, change)
    goes_on = call(agent, "ask_kept", "verified")
    assert goes_on.get("answer") == "allowed.example" or goes_on["error"] in RESET, goes_on
    for handle, octets in (("waiting", evil), ("half", evil[40:])):
        call(agent, "say_kept", handle, octets)
        assert_ended(call(agent, "hear_kept", handle))
    assert_reset(send(agent, SHARED[family], evil))
    assert b"evil" in evil[40:] and b"evil" not in internet.octets()
    assert_answered(fetch(agent, SHARED[family], "allowed.example"), "allowed.example")


def test_a_flow_that_began_while_the_rules_were_missing_is_held(internet, own_container, own_agent, family):
    agent, evil = own_agent, tls.hello("evil.example")

    def begin():
        assert call(agent, "open_kept", "quiet", SHARED[family])["reached"]
        assert call(agent, "open_kept", "half", SHARED[family])["reached"]
        assert call(agent, "say_kept", "half", evil[:40])["reached"]
    repaired(own_container, agent, "delete table inet ostiary", begin)
    for handle, octets in (("quiet", evil), ("half", evil[40:])):
        call(agent, "say_kept", handle, octets)
        assert_ended(call(agent, "hear_kept", handle))
    assert internet.octets() in (b"", evil[:40])  # none if the rules came back before them


# Floods -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("octets", [100, 12000], ids=["little", "much"])
@IN_CONTAINER_SCOPE
def test_five_thousand_half_hellos_do_not_stop_others(internet, own_container, own_agent, octets, family):
    agent, half = own_agent, tls.hello("allowed.example", padding=14000)[:octets]
    gate = own_container.gate(agent.session)
    before = processes.proportional_set_size(gate)
    internet.network.sysctl("core/somaxconn", 8192)
    with listening(internet, FREE[family], backlog=8192):
        opened = call(agent, "half_hellos", FREE[family], 5000, half, patience=60)
        assert opened["answer"] > 4500, opened
        begin = time.monotonic()
        assert agent.asks_for("elsewhere.example")
        assert time.monotonic() - begin < 1
        outcome = fetch(agent, SHARED[family], "allowed.example")
        assert_answered(outcome, "allowed.example")
        assert outcome["seconds"] < 3, outcome
        assert_cut(send(agent, SHARED[family], tls.hello("evil.example")))
        assert own_container.gate(agent.session) == gate
        assert processes.proportional_set_size(gate) < before + 65536, before
        assert own_container.eventually_audited("deny", kind="tls", why="crowded")


# Neighbours of the check ----------------------------------------------------------------------------

@pytest.mark.parametrize("scope_and_user", [("user", "agent")], ids=" ".join, indirect=True)
@pytest.mark.parametrize("uid", [0, OTHER], ids=["root", "another user"])
def test_other_users_of_the_machine_are_not_held(internet, own_container, own_agent, uid, family):
    other = own_container.start_process_beside(own_agent, uid=uid)
    assert_answered(fetch(other, SHARED[family], "evil.example"), "evil.example")
    port = call(own_agent, "open_kept", "refused", SHARED[family])["answer"]
    call(own_agent, "say_kept", "refused", tls.hello("evil.example"))
    assert_cut(call(own_agent, "hear_kept", "refused"))
    call(own_agent, "reset_kept", "refused")
    assert_answered(fetch(other, SHARED[family], "evil.example", source=port), "evil.example")
    assert own_container.audit("deny", kind="tls", name="evil.example")[0]["count"] == 1


def test_a_connection_that_ends_without_a_hello_is_no_denial(own_container, own_agent):
    """Clients try several addresses, and use the first that answers."""
    for address in SHARED.values():
        call(own_agent, "open_kept", "loser", address)
        call(own_agent, "send_and_close", address, [])
        call(own_agent, "reset_kept", "loser")
    time.sleep(11)
    assert [event for event in own_container.audit("deny", kind="tls") if event["address"] in SHARED.values()] == []


def test_an_address_that_a_network_allows_is_not_held_for_a_name(own_container, scope_and_user, family):
    networks = [f"{SHARED[4]}/32:443", f"[{SHARED[6]}]:443"]
    agent = start(own_container, *scope_and_user, {"allow": ["allowed.example", *networks]})
    assert send(agent, SHARED[family], b"any words")["reached"]
    assert_answered(fetch(agent, SHARED[family], "allowed.example"), "allowed.example")


@IN_CONTAINER_SCOPE
def test_where_ipv6_is_not_tracked_names_are_held_too(internet, own_container, scope_and_user, family):
    own_container.nft("-f", "-", stdin=UNTRACKED_IPV6)
    agent = start(own_container, *scope_and_user, POLICY)
    assert_answered(fetch(agent, SHARED[family], "allowed.example"), "allowed.example")
    internet.forget()
    assert not send(agent, SHARED[family], tls.hello("evil.example"))["reached"]
    assert internet.octets() == b""


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


def test_a_second_hello_that_changes_before_it_is_sent_again_does_not_pass(internet, agent, family):
    hello = tls.hello("free.example")
    with listening(internet, FREE[family]) as server:
        assert call(agent, "send_page", "page", FREE[family], hello)["reached"]
        connection, _ = server.accept()
        connection.settimeout(3)
        assert connection.recv(65536) == hello
        connection.sendall(tls.retry_request())
        assert call(agent, "hear_kept", "page")["reached"]
        with losing(internet, "tcp dport 443 meta length > 200"):
            assert call(agent, "send_page_again", "page", len(hello))["reached"]
            assert call(agent, "change_page", "page", b"free.example", b"evil.example")["reached"]
        received = b""
        with contextlib.suppress(OSError):
            received = connection.recv(65536)
        connection.close()
        call(agent, "reset_kept", "page")
        assert b"evil" not in received


def test_words_that_change_into_a_hello_before_they_are_sent_again_do_not_pass(internet, agent, family):
    hello = tls.hello("evil.example")
    words = b"SSH-2.0-agent\r\n".ljust(len(hello), b"x")
    with losing(internet, "tcp dport 443 meta length > 200"):
        assert call(agent, "send_page", "page", MIXED[family], words)["reached"]
        assert call(agent, "change_page", "page", words, hello)["reached"]
        time.sleep(0.1)
    time.sleep(1)
    call(agent, "reset_kept", "page")
    assert b"evil" not in internet.octets()
    internet.forget()


@IN_CONTAINER_SCOPE
def test_early_data_that_no_server_answers_does_not_stop_others(internet, own_agent, family):
    agent = own_agent
    internet.network.sysctl("core/somaxconn", 8192)
    early = tls.record(b"x" * 20, tls.APPLICATION_DATA)
    with listening(internet, FREE[family], backlog=8192):
        opened = call(agent, "half_hellos", FREE[family], 1500, tls.hello("free.example"), early, patience=60)
        assert opened["answer"] > 1400, opened
        begin = time.monotonic()
        assert agent.asks_for("elsewhere.example")
        assert time.monotonic() - begin < 1
        assert_answered(fetch(agent, SHARED[family], "allowed.example"), "allowed.example")


@contextlib.contextmanager
def short_memory(container, of):
    """The kernel forgets a flow in this state after two seconds."""
    timeout = f"netfilter/nf_conntrack_tcp_timeout_{of}"
    container.link.network.sysctl(timeout, 2)
    try:
        yield
    finally:
        container.link.network.sysctl(timeout, 30)


def is_known(container, port):
    return f"port={port} " in container.link.network.command("cat", "/proc/net/nf_conntrack")


@pytest.mark.parametrize("where", [SHARED, MIXED], ids=["a name", "a name and a rule without TLS"])
def test_a_flow_whose_beginning_the_kernel_has_forgotten_does_not_go_on(internet, container, agent, where, family):
    with short_memory(container, "established"):
        port = call(agent, "open_kept", "silent", where[family])["answer"]
        eventually(lambda: not is_known(container, port), "the kernel has forgotten the flow")
        call(agent, "say_kept", "silent", tls.hello("evil.example"))
        time.sleep(0.3)
        assert internet.octets() == b""
    call(agent, "reset_kept", "silent")


@pytest.mark.parametrize("where, first", [(FREE, tls.hello("free.example")), (MIXED, b"SSH-2.0-agent\r\n")],
                         ids=["a name", "a name and a rule without TLS"])
def test_a_flow_that_the_kernel_takes_for_the_servers_is_not_continued(internet, container, agent, where, first, family):
    """The agent's FIN is lost, the kernel forgets the flow, and the server's next packet makes another, which the server
    seems to have begun. The agent resets that, and connects from the same port."""
    serving = listening(internet, where[family]) if where is FREE else contextlib.nullcontext()
    with short_memory(container, "last_ack"), serving as server:
        port = call(agent, "open_kept", "lost", where[family])["answer"]
        assert call(agent, "say_kept", "lost", first)["reached"]
        if server:
            connection, _ = server.accept()
            assert connection.recv(65536) == first
            connection.sendall(FATAL_ALERT)
        assert call(agent, "hear_kept", "lost")["reached"]
        connection = connection if server else internet.visited[-1].connection
        with losing(internet, "tcp dport 443 tcp flags & fin == fin"):
            assert call(agent, "half_close_kept", "lost")["reached"]
            eventually(lambda: not is_known(container, port), "the kernel has forgotten the flow")
            connection.send(FATAL_ALERT)
            eventually(lambda: is_known(container, port), "the kernel has the flow anew")
            call(agent, "reset_kept", "lost")
        internet.forget()
        outcome = call(agent, "send", where[family], [tls.hello("evil.example")], source=port, timeout=2)
        assert not outcome["reached"], outcome
        received = b""
        if server:
            server.settimeout(0.5)
            with contextlib.suppress(OSError):
                received = server.accept()[0].recv(65536)
            connection.close()
        assert b"evil" not in received and b"evil" not in internet.octets()
