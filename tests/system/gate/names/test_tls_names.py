"""A flow to an address that many names share goes on only if its TLS asks for a name that the policy
allows there."""

import contextlib
import json
import subprocess

import pytest

from support import hello as tls
from support.hosting import (BANNER, FREE, MIXED, PICKY, RAW, SHARED, UNADMITTED, assert_answered,
                             assert_reset, call, fetch, send, start)
from support.lenient_web import REF
from support.outcomes import assert_refused
from support.readme import listed
from support.waiting import eventually

POLICY = {"allow": ["allowed.example", "second.example", "elsewhere.example", "picky.example", "raw.example:443/raw",
                    "free.example", "mixed.example:443/raw", "web.mixed.example", "allowed.example:8443/tls",
                    {"host": "odd.example", "ports": [443], "tls": False}, "198.51.100.88/32:443", "[2001:db8:88::88]:443"]}


APPLICATION_DATA = b"\x17\x03\x03"


# Clients ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("version, answered", [("TLSv1_2", "TLSv1.2"), ("TLSv1_3", "TLSv1.3")])
@pytest.mark.parametrize("name", ["allowed.example", "second.example"])
def test_an_allowed_name_is_answered(internet, agent, name, version, answered, family):
    outcome = fetch(agent, SHARED[family], name, version=version, alpn=["http/1.1"])
    assert_answered(outcome, name)
    assert (outcome["answer"]["version"], outcome["answer"]["alpn"]) == (answered, "http/1.1")
    assert internet.names() == [name]


def test_the_readmes_list_shows_refused_names(container, agent, family):
    assert_reset(send(agent, SHARED[family], tls.hello("evil.example")))
    line = f"tls\tevil.example\t{SHARED[family]}\t443\tno-rule\n"
    eventually(lambda: line in listed(container, "tls") and listed(container, "http") == listed(container, "tls"), "it is listed")


def test_the_name_may_be_in_capitals(agent, family):
    assert_answered(fetch(agent, SHARED[family], "ALLOWED.Example"), "ALLOWED.Example")


@pytest.mark.parametrize("kind", ["--ipv4", "--ipv6"])
def test_curl(agent, kind):
    done = agent.run("curl", "--silent", "--show-error", kind, "--cacert", "/etc/authority.pem", "https://allowed.example/")
    assert done["out"] == "allowed.example\n", done


def test_curl_with_another_name_at_this_address(internet, agent):
    done = agent.run("curl", "--silent", "--show-error", "--cacert", "/etc/authority.pem", "--resolve",
                     f"evil.example:443:{SHARED[4]}", "https://evil.example/")
    assert done["status"] == 35, done  # "TLS connect error"
    assert internet.octets() == b""


def test_git(agent):
    done = agent.run("git", "-c", "http.sslCAInfo=/etc/authority.pem", "ls-remote", "https://allowed.example/repository.git")
    assert f"{REF}\trefs/heads/main" in done["out"], done


def test_node(agent):
    if agent.run("sh", "-c", "command -v node")["status"] != 0:
        pytest.skip("needs node")
    done = agent.run("env", "NODE_EXTRA_CA_CERTS=/etc/authority.pem", "node", "-e",
                     "require('https').get('https://allowed.example/', answer => answer.pipe(process.stdout))")
    assert done["out"] == "allowed.example\n", done


CLIENTS = {  # none finds what it asks for, but each gets an answer
    "npm": "npm view x --cafile /etc/authority.pem --registry https://allowed.example/ --cache /tmp/npm --fetch-retries 0",
    "pip": "python3 -m pip --cert /etc/authority.pem --no-cache-dir --retries 0 download --dest /tmp/pip --no-deps "
           "--index-url https://allowed.example/ x",
    "go": "SSL_CERT_FILE=/etc/authority.pem GOPROXY=https://allowed.example GONOSUMDB=* GOPATH=/tmp/go GOCACHE=/tmp/go-cache "
          "GOTOOLCHAIN=local GO111MODULE=on go list -m x.example/y@v1.0.0",
    "wget": "wget --quiet --ca-certificate=/etc/authority.pem -O - https://allowed.example/",
}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_of_packages_gets_an_answer(internet, agent, client):
    path = "export HOME=/tmp PATH=$PATH:/usr/local/go/bin; cd /tmp;"
    if agent.run("sh", "-c", path + ("python3 -m pip" if client == "pip" else f"command -v {client}"))["status"] != 0:
        pytest.skip(f"needs {client}")
    done = agent.run("sh", "-c", path + CLIENTS[client])
    assert set(internet.names()) == {"allowed.example"}
    assert any(APPLICATION_DATA in visit.octets for visit in internet.visited), done


def test_the_status_names_the_way_in_which_flows_are_held(container, agent):
    status = json.loads(container.beside(agent.session, "/opt/bin/ostiary", "status").stdout)
    assert status["check_names"] in ("nft queue", "xt NFQUEUE")


def test_where_no_rule_asks_for_a_name_no_flow_is_held(new_container):
    container = new_container(check_names="on")
    agent = container.start_agent("--allow", "allowed.example:8443")
    assert json.loads(container.beside(agent.session, "/opt/bin/ostiary", "status").stdout)["check_names"] == ""
    assert "queue" not in container.rules() and "named4" not in container.rules()


def s_client(agent, address, name, *words, port=443):
    to = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    command = " ".join(["openssl", "s_client", "-connect", to, "-servername", name, "-CAfile", "/etc/authority.pem", *words])
    return agent.run("sh", "-c", f"(printf 'GET / HTTP/1.1\\r\\n\\r\\n'; sleep 0.4) | {command}")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_session_is_resumed(agent, version, family):
    assert "\nNew, TLS" in s_client(agent, SHARED[family], "allowed.example", version, "-sess_out", "/tmp/session")["out"]
    done = s_client(agent, SHARED[family], "allowed.example", version, "-sess_in", "/tmp/session")
    assert "\nReused, TLS" in done["out"] and "allowed.example\n" in done["out"], done


def test_a_session_of_an_allowed_name_is_not_resumed_with_another_name(internet, agent, family):
    s_client(agent, SHARED[family], "allowed.example", "-tls1_3", "-sess_out", "/tmp/session")
    internet.forget()
    done = s_client(agent, SHARED[family], "evil.example", "-tls1_3", "-sess_in", "/tmp/session")
    assert done["status"] != 0, done
    assert internet.octets() == b""


def test_http_2_is_negotiated(agent, family):
    done = s_client(agent, SHARED[family], "allowed.example", "-alpn", "h2")
    assert "ALPN protocol: h2" in done["out"], done


@pytest.mark.parametrize("octets", [2000, 4000, 16000])
def test_a_hello_of_several_packets_is_answered(agent, octets, family):
    """As with keys against quantum computers. Node's and browsers' hellos are up to 2,000 octets."""
    alpn = ["http/1.1", *(f"{number:04}" + "x" * 196 for number in range(octets // 201))]
    assert_answered(fetch(agent, SHARED[family], "allowed.example", alpn=alpn), "allowed.example")


WITH_EARLY_DATA = ["-tls1_3", "-sess_in", "/tmp/early-session", "-early_data", "/tmp/early"]


@contextlib.contextmanager
def openssl_server(internet, address, *words):
    """openssl s_server, which sends back lines in reverse order."""
    command = ["openssl", "s_server", "-accept", f"[{address}]:443" if ":" in address else f"{address}:443",
               "-cert", internet.authority.host, "-key", internet.authority.host_key, *words]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               preexec_fn=internet.network.enter)
    try:
        while (line := process.stdout.readline()) and not line.startswith(b"ACCEPT"):
            pass
        yield process
    finally:
        process.kill()
        process.wait()


def test_early_data_is_answered(internet, agent, family):
    with openssl_server(internet, FREE[family], "-early_data") as server:
        agent.run("sh", "-c", "echo early-words > /tmp/early")
        first = s_client(agent, FREE[family], "free.example", "-tls1_3", "-sess_out", "/tmp/early-session")
        assert "\nNew, TLS" in first["out"], first
        again = s_client(agent, FREE[family], "free.example", *WITH_EARLY_DATA)
        assert "Early data was accepted" in again["out"], again
        server.kill()
        assert b"early-words" in server.stdout.read()


def test_early_data_with_another_name_is_not_sent(internet, agent, family):
    with openssl_server(internet, FREE[family], "-early_data") as server:
        agent.run("sh", "-c", "echo early-words > /tmp/early")
        s_client(agent, FREE[family], "free.example", "-tls1_3", "-sess_out", "/tmp/early-session")
        again = s_client(agent, FREE[family], "evil.example", *WITH_EARLY_DATA)
        assert "Early data was accepted" not in again["out"], again
        server.kill()
        assert b"early-words" not in server.stdout.read()


# Pieces -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("pieces", [1, 2, 3, 10, 100, 500])
def test_a_hello_in_pieces_is_answered(agent, pieces, family):
    outcome = fetch(agent, SHARED[family], "allowed.example", pieces=pieces, pause=0.001, alpn=["x" * 200])
    assert_answered(outcome, "allowed.example")


@pytest.mark.parametrize("pieces", [2, 3, 10, 100, 500])
def test_a_hello_in_pieces_with_another_name_does_not_arrive_whole(internet, agent, pieces, family):
    octets = tls.hello("evil.example", padding=300)
    size = -(-len(octets) // pieces)
    outcome = send(agent, SHARED[family], *[octets[at:at + size] for at in range(0, len(octets), size)], pause=0.001)
    assert not outcome["reached"] and outcome["error"] in ("ECONNRESET", "EPIPE"), outcome
    assert internet.octets() != octets and octets.startswith(internet.octets())


@pytest.mark.parametrize("first", ["small", "large"])
def test_pieces_of_different_sizes_are_answered(agent, first, family):
    sizes = sorted([1, 3, 9, 27, 81], reverse=first == "large")
    assert_answered(fetch(agent, SHARED[family], "allowed.example", sizes=sizes, pause=0.001), "allowed.example")


@pytest.mark.parametrize("record", [1, 10, 100])
@pytest.mark.parametrize("pieces", [1, 7])
def test_a_hello_in_several_records_is_answered(agent, record, pieces, family):
    outcome = fetch(agent, SHARED[family], "allowed.example", record=record, pieces=pieces, pause=0.001)
    assert_answered(outcome, "allowed.example")


@pytest.mark.parametrize("record", [1, 10, 100])
def test_a_hello_in_several_records_with_another_name_is_refused(internet, agent, record, family):
    assert_reset(send(agent, SHARED[family], tls.records(tls.message("evil.example"), record)))
    assert internet.octets() == b""


# A second hello -----------------------------------------------------------------------------------

def test_a_second_hello_with_the_same_name_is_answered(internet, agent, family):
    """A real client, whose key share the server does not take."""
    done = s_client(agent, PICKY[family], "picky.example", "-tls1_3", "-groups", "X25519:P-384", "-msg")
    assert "picky.example\n" in done["out"] and done["out"].count("ClientHello") == 2, done
    assert_answered(fetch(agent, PICKY[family], "picky.example"), "picky.example")


# What a rule says ---------------------------------------------------------------------------------

def test_a_rule_that_says_raw_is_not_held(internet, agent, family):
    both = BANNER + b"SSH-2.0-agent\r\n"
    outcome = send(agent, RAW[family], b"SSH-2.0-agent\r\n", expect=len(both))
    assert outcome["reached"] and bytes.fromhex(outcome["answer"]) == both, outcome
    assert send(agent, RAW[family], tls.hello("evil.example"))["reached"]


def test_a_rule_without_tls_in_the_policy_file_is_not_held(new_container, scope_and_user, family):
    policy = {"allow": [{"host": "odd.example", "ports": [443], "tls": False}]}
    other = start(new_container(check_names="on"), *scope_and_user, policy)
    assert send(other, SHARED[family], b"any words")["reached"]


def test_a_rule_with_tls_holds_another_port(internet, agent, family):
    assert_answered(fetch(agent, SHARED[family], "allowed.example", port=8443), "allowed.example")
    internet.forget()
    assert_reset(send(agent, SHARED[family], tls.hello("evil.example"), port=8443))
    assert_reset(send(agent, SHARED[family], tls.hello("second.example"), port=8443))
    assert internet.octets() == b""


def test_another_port_is_not_held_without_it(new_container, scope_and_user, family):
    other = start(new_container(check_names="on"), *scope_and_user, {"allow": ["allowed.example:8443"]})
    assert send(other, SHARED[family], b"any words", port=8443)["reached"]


def test_an_allowed_network_is_not_held(agent, family):
    assert send(agent, UNADMITTED[family], b"any words")["reached"]


def test_at_an_address_of_a_raw_name_and_of_another_both_are_served(internet, agent, family):
    outcome = send(agent, MIXED[family], b"SSH-2.0-agent\r\n")
    assert outcome["reached"] and bytes.fromhex(outcome["answer"]) == b"SSH-2.0-agent\r\n", outcome
    assert_answered(fetch(agent, MIXED[family], "web.mixed.example"), "web.mixed.example")
    internet.forget()
    assert_reset(send(agent, MIXED[family], tls.hello("evil.example")))
    assert internet.octets() == b""


def test_with_tls_names_off_no_name_is_asked_for(new_container, internet, scope_and_user, family):
    other = start(new_container(check_names="on"), *scope_and_user, {"allow": ["allowed.example"]}, "--check-names", "off")
    assert_answered(fetch(other, SHARED[family], "evil.example"), "evil.example")


def test_an_encrypted_hello_passes_with_ech_allow(new_container, internet, scope_and_user, family):
    other = start(new_container(check_names="on"), *scope_and_user, {"allow": ["allowed.example"]}, "--ech", "allow")
    encrypted = tls.extension(tls.ENCRYPTED_HELLO, b"\0" * 64)
    assert send(other, SHARED[family], tls.hello("allowed.example", after=encrypted))["reached"]
    internet.forget()
    assert_reset(send(other, SHARED[family], tls.hello("evil.example", after=encrypted)))
    assert internet.octets() == b""


# As before ----------------------------------------------------------------------------------------

def test_an_address_that_is_not_admitted_is_refused_at_the_connect(internet, new_container, scope_and_user, family):
    other = start(new_container(check_names="on"), *scope_and_user, {"allow": ["elsewhere.example"]})
    internet.forget()
    outcome = send(other, SHARED[family], tls.hello("elsewhere.example"))
    assert outcome["error"] == "ECONNREFUSED", outcome
    assert_refused(outcome, internet)


def test_quic_is_refused_at_once(internet, agent, family):
    internet.forget()
    assert_refused(agent.connect(SHARED[family], 443, "udp"), internet)


def test_a_server_that_closes_its_port_refuses(agent, family):
    """The flow waits, but the connect does not succeed before the server says so."""
    assert call(agent, "send", FREE[family], [b"x"])["error"] == "ECONNREFUSED"


def test_a_client_that_sends_later_is_answered(agent, family):
    """Keepalive probes in the meantime do no harm."""
    outcome = agent.python(f"""
sys.path.insert(0, "/opt/agents")
import tls_client
idle = tls_client.connected({SHARED[family]!r})
idle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
idle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
idle.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
time.sleep(2.5)
tls = tls_client.Tls("allowed.example")
idle.sendall(tls.hello())
tls.step(tls.tls.do_handshake, idle)
time.sleep(2.5)
tls.tls.write(b"GET / HTTP/1.1\\r\\n\\r\\n")
value = {{"body": tls.step(lambda: tls.tls.read(65536), idle).decode().split("\\r\\n")[-1].strip()}}""")
    assert_answered(outcome, "allowed.example")


def test_much_data_goes_both_ways(agent, family):
    """After the name, the flow is as fast as others."""
    outcome = agent.python(f"""
sys.path.insert(0, "/opt/agents")
import tls_client
with tls_client.connected({SHARED[family]!r}) as out:
    tls = tls_client.Tls("allowed.example")
    out.sendall(tls.hello())
    tls.step(tls.tls.do_handshake, out)
    for _ in range(200):
        tls.tls.write(b"GET / HTTP/1.1\\r\\nMuch: " + b"x" * 16000)
        out.sendall(tls.outgoing.read())
    tls.tls.write(b"\\r\\n\\r\\n")
    tls.step(lambda: tls.tls.read(65536), out)
    value = "done" """)
    assert outcome["reached"] and outcome["seconds"] < 5, outcome


def test_an_allowed_name_is_no_denial_in_the_audit(container, agent, family):
    fetch(agent, SHARED[family], "allowed.example")
    container.eventually_audited("admit", name="allowed.example", address=SHARED[family], port=443)
    assert container.audit("deny", kind="tls", name="allowed.example") == []
