"""Each HTTP request of a flow to an address that many names share must have a Host that the policy allows there."""

import os
import signal
import time

import pytest

from support import hello as tls
from support.hosting import (BANNER, MIXED, QUIET, RAW, RESET, SHARED, UNADMITTED, assert_cut, assert_reset, call,
                             losing, repaired, start)
from support.lenient_web import STREAMED, answer_of
from support.scopes import IN_CONTAINER_SCOPE, ONCE
from support.untracked import UNTRACKED_IPV6
from support.waiting import eventually

POLICY = {"allow": ["allowed.example:80", "second.example:80", "elsewhere.example:80", "quiet.example:80",
                    "raw.example:80/raw", "mixed.example:80/raw", "web.mixed.example:80", "allowed.example:8080/http",
                    {"host": "second.example", "ports": 8080, "http": True}, "198.51.100.88/32:80", "[2001:db8:88::88]:80"]}
SAME_CHECKSUM = b"quiet.example", b"iequt.example"  # TCP cannot see that the one has become the other
MANY = 2 << 20


def get(host, fields="", path="/"):
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n".encode()


def post(host, body, fields=None):
    fields = f"Content-Length: {len(body)}\r\n" if fields is None else fields
    return f"POST / HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n".encode() + body


def chunked(host, *pieces):
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))
    return post(host, body, "Transfer-Encoding: chunked\r\n")


def answers(*names):
    return b"".join(answer_of(name) for name in names)


def send(agent, address, *pieces, expect=b"", port=80, **how):
    """Sends the pieces, each by itself. Returns what the server answers."""
    outcome = call(agent, "send", address, pieces, port=port, expect=len(expect) or 1, **how)
    if outcome["reached"]:
        outcome["answer"] = bytes.fromhex(outcome["answer"])
    return outcome


def assert_answers(outcome, expected):
    assert outcome["reached"] and outcome["answer"] == expected, outcome


def assert_served(agent, address, name, **how):
    assert_answers(send(agent, address, get(name), expect=answers(name), **how), answers(name))


# Names ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["allowed.example", "second.example", "Allowed.EXAMPLE"])
def test_an_allowed_name_is_answered(internet, agent, name, family):
    assert_served(agent, SHARED[family], name)
    assert internet.octets() == get(name)


def test_another_name_gets_a_reset_and_no_octet_of_it_arrives(internet, container, agent, family):
    assert_reset(send(agent, SHARED[family], get("evil.example")))
    assert internet.octets() == b""
    event = container.eventually_audited("deny", kind="http", name="evil.example", address=SHARED[family])[0]
    assert (event["port"], event["protocol"], event["why"]) == (80, "tcp", "no-rule")
    assert event["count"] >= 1 and "by" not in event, event


@ONCE
def test_without_the_check_the_other_name_is_reached(new_container, scope_and_user, family):
    other = start(new_container(check_names="on"), *scope_and_user, {"allow": ["allowed.example:80"]}, "--check-names", "off")
    assert_served(other, SHARED[family], "evil.example")


REFUSED = {
    "an allowed name of another address": (get("elsewhere.example"), "not-admitted"),
    "a name below an allowed one": (get("evil.allowed.example"), "no-rule"),
    "an address": (get(SHARED[4]), "no-host-name"),
    "a whole URL of an address": (f"GET http://{SHARED[4]}/ HTTP/1.1\r\nHost: allowed.example\r\n\r\n".encode(), "not-a-path"),
    "a whole URL": (b"GET http://evil.example/ HTTP/1.1\r\nHost: allowed.example\r\n\r\n", "not-a-path"),
    "no name": (b"GET / HTTP/1.1\r\n\r\n", "no-name"),
    "two names": (get("allowed.example", "Host: evil.example\r\n"), "several-names"),
    "another port": (get("allowed.example:8080"), "no-host-name"),
    "a tunnel": (b"CONNECT evil.example:80 HTTP/1.1\r\nHost: allowed.example\r\n\r\n", "tunnel"),
    "an upgrade": (get("allowed.example", "Connection: upgrade\r\nUpgrade: websocket\r\n"), "upgrade"),
    "an expectation": (post("allowed.example", b"ab", "Content-Length: 2\r\nExpect: 100-continue\r\n"), "expectation"),
    "a body of GET": (get("allowed.example", "Content-Length: 2\r\n") + b"ab", "framing"),
    "two lengths": (post("allowed.example", b"ab", "Content-Length: 2\r\nContent-Length: 3\r\n"), "framing"),
    "a length and chunks": (post("allowed.example", b"0\r\n\r\n", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
                            "framing"),
    "lines without CR": (get("allowed.example").replace(b"\r", b""), "malformed"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "not-http"),
    "SSH": (b"SSH-2.0-agent\r\n", "not-http"),
}


@ONCE
@pytest.mark.parametrize("what", REFUSED)
def test_such_a_request_is_refused_at_once(internet, container, agent, what, family):
    octets, why = REFUSED[what]
    assert_reset(send(agent, SHARED[family], octets))
    assert internet.octets() == b""
    assert container.eventually_audited("deny", kind="http", address=SHARED[family], port=80, why=why)


def test_tls_at_port_80_is_refused(internet, container, agent, family):
    assert_reset(send(agent, SHARED[family], tls.hello("allowed.example")))
    assert internet.octets() == b""
    assert container.eventually_audited("deny", kind="tls", name="allowed.example", port=80, why="no-rule")


# Connections that stay open -------------------------------------------------------------------------

def test_a_connection_serves_many_requests(internet, container, agent, family):
    flights = [[get(name, path=f"/{number}")] for number in range(50) for name in ("allowed.example", "second.example")]
    outcome = call(agent, "send_after_each_answer", SHARED[family], flights, port=80)
    assert [bytes.fromhex(one) for one in outcome["answer"]] == [answers("allowed.example"), answers("second.example")] * 50
    assert len(internet.visited) == 1 and container.audit("deny", kind="http", name="allowed.example") == []


@pytest.mark.parametrize("before", [1, 20])
def test_a_later_request_with_another_host_is_refused(internet, container, agent, before, family):
    flights = [*[[get("allowed.example")]] * before, [get("evil.example")]]
    assert_cut(call(agent, "send_after_each_answer", SHARED[family], flights, port=80))
    assert internet.octets() == get("allowed.example") * before
    assert container.eventually_audited("deny", kind="http", name="evil.example", why="no-rule")


def test_two_requests_in_one_packet(internet, agent, family):
    both = answers("allowed.example", "second.example")
    assert_answers(send(agent, SHARED[family], get("allowed.example") + get("second.example"), expect=both), both)
    internet.forget()
    assert_reset(send(agent, SHARED[family], get("allowed.example") + get("evil.example")))
    assert_reset(send(agent, SHARED[family], post("allowed.example", b"body") + get("evil.example")))
    assert_reset(send(agent, SHARED[family], chunked("allowed.example", b"body") + get("evil.example")))
    assert internet.octets() == b""


def test_pipelined_requests(agent, family):
    """More than the gate keeps to compare."""
    request = get("allowed.example", "Cookie: " + "x" * 4000 + "\r\n")
    expected = answers("allowed.example") * 40
    assert_answers(send(agent, SHARED[family], *[request] * 40, expect=expected, timeout=5), expected)


@ONCE
def test_an_idle_connection_goes_on(agent, family):
    """Keepalive probes in the meantime do no harm."""
    outcome = agent.python(f"""
sys.path.insert(0, "/opt/agents")
import tls_client
idle = tls_client.connected({SHARED[family]!r}, 80)
idle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
idle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
idle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
idle.sendall({get("allowed.example")!r})
value = idle.recv(65536).decode()
time.sleep(1.3)
idle.sendall({get("allowed.example")!r})
value += idle.recv(65536).decode()""")
    assert outcome.get("answer", "").encode() == answers("allowed.example") * 2, outcome


# Pieces ---------------------------------------------------------------------------------------------

REQUEST = get("allowed.example", "Accept: */*\r\n") + post("second.example", b"abc")


@pytest.mark.parametrize("size", [1, 3, 40])
def test_requests_in_pieces_are_answered(internet, agent, size, family):
    expected = answers("allowed.example") + answer_of("second.example", 3)
    pieces = [REQUEST[at:at + size] for at in range(0, len(REQUEST), size)]
    assert_answers(send(agent, SHARED[family], *pieces, expect=expected, pause=0.001), expected)
    assert internet.octets() == REQUEST


@pytest.mark.parametrize("size", [1, 7, 40])
def test_a_request_in_pieces_with_another_host_does_not_arrive_whole(internet, agent, size, family):
    octets = get("evil.example", "Accept: */*\r\n")
    assert_cut(send(agent, SHARED[family], *[octets[at:at + size] for at in range(0, len(octets), size)], pause=0.001))
    assert octets.startswith(internet.octets()) and b"evil.example\r" not in internet.octets()


# Bodies and answers ---------------------------------------------------------------------------------

CLIENT = """
import http.client
web = http.client.HTTPConnection({address!r}, 80, timeout=10)
"""


@pytest.mark.parametrize("how", ["with a length", "in chunks"])
def test_a_large_upload_arrives(internet, agent, how, family):
    body = "body" if how == "with a length" else "(body[at:at + 30000] for at in range(0, len(body), 30000))"
    outcome = agent.python(CLIENT.format(address=SHARED[family]) + f"""
body = b"0123456789abcdef" * ({MANY} // 16)
for _ in range(2):
    web.request("POST", "/", {body}, {{"Host": "allowed.example", "Content-Type": "text/plain"}},
                encode_chunked={how == "in chunks"})
    value = web.getresponse().read().decode()""")
    assert outcome.get("answer") == f"allowed.example {MANY}\n", outcome
    assert outcome["seconds"] < 5, outcome
    assert [body for visit in internet.visited for *_, body in visit.requests] == [b"0123456789abcdef" * (MANY // 16)] * 2


def test_a_large_download_arrives(internet, agent, family):
    internet.files["/much"] = b"0123456789abcdef" * (MANY // 16)
    outcome = agent.python(CLIENT.format(address=SHARED[family]) + """
for _ in range(3):
    web.request("GET", "/much", headers={"Host": "allowed.example"})
    value = len(web.getresponse().read())""")
    assert outcome.get("answer") == MANY, outcome


def test_an_answer_that_streams(agent, family):
    expected = b"".join(STREAMED) + answers("allowed.example")
    assert_answers(send(agent, SHARED[family], get("allowed.example", path="/stream"), get("allowed.example"), expect=expected),
                   expected)


@ONCE
def test_a_request_after_a_large_body_is_read(internet, agent, family):
    body = bytes(MANY)
    assert_cut(send(agent, SHARED[family], post("allowed.example", b"", f"Content-Length: {MANY}\r\n"), body,
                    get("evil.example"), timeout=5))
    assert b"evil" not in internet.octets()


# What a rule says -----------------------------------------------------------------------------------

def test_a_rule_with_http_holds_another_port(internet, agent, family):
    for name in ("allowed.example", "second.example", "allowed.example:8080"):
        outcome = send(agent, SHARED[family], get(name), port=8080)
        assert_answers(outcome, answers(name.partition(":")[0]))
    internet.forget()
    for name in ("evil.example", "quiet.example", "allowed.example:80"):
        assert_reset(send(agent, SHARED[family], get(name), port=8080))
    assert internet.octets() == b""


def test_a_rule_that_says_raw_is_not_held(agent, family):
    both = BANNER + b"SSH-2.0-agent\r\n"
    assert_answers(send(agent, RAW[family], b"SSH-2.0-agent\r\n", expect=both), both)


@ONCE
def test_a_rule_without_http_in_the_policy_file_is_not_held(new_container, scope_and_user, family):
    policy = {"allow": [{"host": "odd.example", "ports": [80], "http": False}]}
    other = start(new_container(check_names="on"), *scope_and_user, policy)
    assert_served(other, SHARED[family], "evil.example")


@ONCE
def test_another_port_is_not_held_without_it(new_container, scope_and_user, family):
    other = start(new_container(check_names="on"), *scope_and_user, {"allow": ["allowed.example:8080"]})
    assert_served(other, SHARED[family], "evil.example", port=8080)


def test_an_allowed_network_is_not_held(agent, family):
    assert_served(agent, UNADMITTED[family], "evil.example")


def test_at_an_address_of_a_raw_name_and_of_another_any_request_passes(agent, family):
    assert_served(agent, MIXED[family], "web.mixed.example")
    assert_served(agent, MIXED[family], "evil.example")


# Tricks of TCP --------------------------------------------------------------------------------------

@ONCE
def test_urgent_data_is_refused(internet, container, agent, family):
    whole = get("allowed.example")
    for pieces, urgent in (([whole[:20] + b"x", whole[20:]], 0), ([whole, b"x"], 1), ([whole], 0)):
        assert_cut(send(agent, SHARED[family], *pieces, urgent=urgent, pause=0.02, expect=bytes(200)))
    assert internet.octets() in (b"", whole)
    assert container.eventually_audited("deny", why="urgent", port=80)


@ONCE
@pytest.mark.parametrize("name", ["quiet.example", "evil.example"])
def test_a_syn_with_data_passes_only_as_others_do(internet, agent, name, family):
    """TCP Fast Open, to a server that takes data without a cookie."""
    internet.network.sysctl("ipv4/tcp_fastopen", 0x603)
    try:
        outcome = call(agent, "fast_open", QUIET[family], get(name), port=80)
    finally:
        internet.network.sysctl("ipv4/tcp_fastopen", 1)
    if name == "quiet.example":
        assert outcome["reached"] and internet.octets() == get(name), outcome
    else:
        assert_cut(outcome)
        assert internet.octets() == b""


@pytest.mark.parametrize("before", [b"", get("quiet.example")], ids=["the first", "a later"])
def test_a_request_that_changes_before_it_is_sent_again_does_not_pass(internet, container, agent, before, family):
    good, evil = SAME_CHECKSUM
    assert call(agent, "open_kept", "page", QUIET[family], port=80)["reached"]
    if before:
        assert call(agent, "say_kept", "page", before)["reached"]
        assert bytes.fromhex(call(agent, "hear_kept", "page")["answer"]) == answers("quiet.example")
    with losing(internet, "tcp dport 80 meta length > 90"):
        assert call(agent, "send_page", "page", QUIET[family], get("quiet.example", "Accept: */*\r\n"))["reached"]
        assert call(agent, "change_page", "page", good, evil)["reached"]
        time.sleep(0.1)
        assert internet.octets() == before
    assert not call(agent, "hear_kept", "page", timeout=5)["reached"]
    call(agent, "reset_kept", "page")
    assert evil not in internet.octets()
    assert container.eventually_audited("deny", kind="http", address=QUIET[family], why="changed")


@ONCE
@pytest.mark.parametrize("kind", ["sendfile", "MSG_ZEROCOPY"])
def test_a_page_that_changes_while_it_is_sent(internet, agent, kind, family):
    good, evil = SAME_CHECKSUM
    octets = get("quiet.example")
    outcome = call(agent, "race", kind, QUIET[family], octets, good, evil, 100, port=80, patience=100)
    assert outcome["reached"], outcome
    assert [visit for visit in internet.visited if evil + b"\r" in visit.octets] == []
    assert outcome["answer"].keys() >= {"answered", "ECONNRESET"}, outcome


def test_a_connection_from_the_port_of_an_earlier_one_is_held(internet, agent, family):
    port = call(agent, "open_kept", "first", SHARED[family], port=80)["answer"]
    assert call(agent, "say_kept", "first", post("allowed.example", b"", "Content-Length: 1000\r\n"))["reached"]
    eventually(lambda: internet.octets(), "the request arrives")
    assert call(agent, "reset_kept", "first")["reached"]
    internet.forget()
    assert_reset(send(agent, SHARED[family], get("evil.example"), source=port))
    assert internet.octets() == b""
    # The kernel must forget the refused flow first, and the server the earlier one.
    assert_served(agent, SHARED[family], "allowed.example", source=port, timeout=5)


def test_a_second_socket_with_the_same_ports_does_not_begin_the_flow_anew(internet, agent, family):
    """Else the gate would take for the beginning of a stream what for the server is the middle of a body."""
    begun = post("allowed.example", b"", "Content-Length: 3\r\n")
    other, _, heard = call(agent, "second_socket", SHARED[family], begun, b"abc")["answer"]
    assert other != "done" and heard in (*RESET, "timeout")
    assert internet.octets() == begun


@pytest.mark.parametrize("octets", [b"GET /secret HTTP/1.1\r\nHost: evil.example", b"GET http://evil.example/secret HTTP/1.1",
                                    b"GET / HTTP/1.1\r\nhOST:\tevil.example\r"], ids=["a field", "a URL", "a field with CR"])
def test_a_name_waits_until_it_is_whole(internet, agent, octets, family):
    """Some servers, such as sniproxy, choose the site by what is there of a line."""
    outcome = call(agent, "send", SHARED[family], [octets], port=80)
    assert not outcome["reached"] and b"evil" not in internet.octets(), outcome


def test_the_end_of_a_closed_socket_reaches_the_server(internet, agent, family):
    assert call(agent, "open_kept", "closed", SHARED[family], port=80)["reached"]
    assert call(agent, "say_kept", "closed", get("allowed.example"))["reached"]
    assert call(agent, "hear_kept", "closed")["reached"]
    assert call(agent, "close_kept", "closed")["reached"]
    eventually(lambda: internet.visited[-1].ended == "closed", "the server knows the end", patience=3)


CUT_OFF = [(b"", b"GET / HTTP/1.1\r\nHost: evil.example"), (b"", b"GET http://evil.example/ HTTP/1.1"),
           (b"", b"GET / HTTP/1.1\r\nHost: allowed.example\r\nHost: evil.example"),
           (get("allowed.example"), b"GET / HTTP/1.1\r\nHost: evil.example")]


@pytest.mark.parametrize("how", ["closed", "shut", "in the packet of its data"])
def test_a_request_that_the_end_of_the_connection_cuts_off_is_not_served(internet, container, agent, how, family):
    """Python's http.server serves it."""
    for before, octets in CUT_OFF:
        agent.python(f"""
sys.path.insert(0, "/opt/agents")
import tls_client
web = tls_client.connected({SHARED[family]!r}, 80)
if {before!r}:
    web.sendall({before!r})
    web.recv(65536)
web.send({octets!r}, socket.MSG_MORE if {how == "in the packet of its data"} else 0)
if {how == "closed"}:
    web.close()
else:
    web.shutdown(socket.SHUT_WR)
    web.settimeout(0.2)
    web.recv(65536)""")
    time.sleep(0.1)
    requests = [request for visit in internet.visited for request in visit.requests]
    assert requests == [("GET / HTTP/1.1", "allowed.example", b"")]
    assert container.eventually_audited("deny", kind="http", address=SHARED[family], why="unfinished")


# The gate dies, the rules are repaired --------------------------------------------------------------

def test_a_connection_does_not_go_on_when_the_gate_is_killed(internet, own_container, own_agent, family):
    agent = own_agent
    assert call(agent, "open_kept", "web", SHARED[family], port=80)["reached"]
    assert call(agent, "say_kept", "web", get("allowed.example"))["reached"]
    assert call(agent, "hear_kept", "web")["reached"]
    os.kill(before := own_container.gate(agent.session), signal.SIGKILL)
    own_container.await_another_gate(agent.session, before)
    call(agent, "say_kept", "web", get("evil.example"))
    assert_cut(call(agent, "hear_kept", "web", timeout=4))
    assert b"evil" not in internet.octets()
    assert_served(agent, SHARED[family], "allowed.example", timeout=10)
    assert_reset(send(agent, SHARED[family], get("evil.example")))
    assert own_container.eventually_audited("deny", why="beginning-unseen", port=80)


def test_flows_are_held_after_a_repair_of_the_rules(internet, own_container, own_agent, family):
    agent = own_agent
    assert call(agent, "open_kept", "web", SHARED[family], port=80)["reached"]
    assert call(agent, "say_kept", "web", get("allowed.example"))["reached"]
    assert call(agent, "hear_kept", "web")["reached"]
    repaired(own_container, agent, "delete table inet ostiary")
    call(agent, "say_kept", "web", get("evil.example"))
    assert not call(agent, "hear_kept", "web").get("answer")
    assert_reset(send(agent, SHARED[family], get("evil.example")))
    assert b"evil" not in internet.octets()
    assert_served(agent, SHARED[family], "allowed.example")


@ONCE
def test_a_flow_that_began_while_the_rules_were_missing_is_held(internet, own_container, own_agent, family):
    agent = own_agent

    def begin():
        assert call(agent, "open_kept", "web", SHARED[family], port=80)["reached"]
        assert call(agent, "say_kept", "web", get("allowed.example"))["reached"]
        assert call(agent, "hear_kept", "web")["reached"]
    repaired(own_container, agent, "delete table inet ostiary", begin)
    call(agent, "say_kept", "web", get("evil.example"))
    assert not call(agent, "hear_kept", "web").get("answer")
    assert internet.octets() == get("allowed.example")


# Neighbours of the check ----------------------------------------------------------------------------

@IN_CONTAINER_SCOPE
def test_where_ipv6_is_not_tracked_requests_are_read_too(internet, own_container, scope_and_user, family):
    own_container.nft("-f", "-", stdin=UNTRACKED_IPV6)
    agent = start(own_container, *scope_and_user, POLICY)
    flights = [[get("allowed.example")], [get("second.example")], [get("evil.example")]]
    assert_cut(call(agent, "send_after_each_answer", SHARED[family], flights, port=80))
    assert internet.octets() == get("allowed.example") + get("second.example")
    internet.forget()
    assert_reset(send(agent, SHARED[family], get("evil.example")))
    assert internet.octets() == b""
    internet.forget()
    for octets in (b"GET / HTTP/1.1\r\nHost: evil.example", get("allowed.example")):
        call(agent, "send_and_close", SHARED[family], [octets], port=80)
    # A reset, if the answer comes before the end has left.
    eventually(lambda: [visit for visit in internet.visited if visit.name and visit.ended], "the second server knows the end")
    assert internet.names() == ["allowed.example"]
    internet.forget()
    begun = post("allowed.example", b"", "Content-Length: 3\r\n")
    other, *_ = call(agent, "second_socket", SHARED[family], begun, b"abc")["answer"]
    assert other != "done" and internet.octets() == begun
