"""TCP as an agent uses it that wants to reach another name at an address that it may reach: octets that change on their way,
connections from the port of an earlier one."""

import contextlib
import socket
import time

import pytest

from support import hello as tls
from support.behaviours import host
from support.hosting import (FATAL_ALERT, FREE, MIXED, QUIET, SHARED, assert_answered, assert_cut, assert_reset, call,
                             fetch, listening, losing, send, start)
from support.scopes import ONCE
from support.waiting import eventually

POLICY = {"allow": ["allowed.example", "quiet.example", "free.example", "mixed.example:443/raw", "web.mixed.example"]}
TRIES = 600  # for each of eight ways
SAME_CHECKSUM = b"quiet.example", b"iequt.example"  # TCP cannot see that the one has become the other


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
