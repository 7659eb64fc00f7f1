"""A resolver on this host cannot be the upstream if the rules confine all users: its own
questions would come to the gate, and the agent could answer instead of it. Docker's resolver asks
from outside."""

import pytest

from support.behaviours import host
from support.internet import ALLOWED, RESOLVER


@pytest.fixture
def container(new_container, internet):
    internet.upstream.name("allowed.example", host(ALLOWED))
    return new_container()


@pytest.mark.parametrize("server", ["127.0.0.1", "127.0.0.53", "::1", "eth0"])
def test_a_resolver_of_this_host_is_refused_with_what_to_write_instead(container, who, family, server):
    server = container.link.address[family] if server == "eth0" else server
    user = ["--user", "agent"] if who == "agent" else []
    for how in ({"flags": [*user, "--upstream", server]}, {"flags": user}):
        container.write("/etc/resolv.conf", f"nameserver {server}\n")
        result = container.boot("touch", "/tmp/started", **how)
        assert result.status == 78 and not container.exists("/tmp/started"), result
        line = result.stderr.splitlines()[-1]
        assert server in line and "on this host" in line and "--upstream" in line, result


def test_another_server_in_resolv_conf_is_used_instead(container, who):
    container.write("/etc/resolv.conf", f"nameserver 127.0.0.53\nnameserver {RESOLVER[4]}\n")
    agent = container.start_agent("--allow", "allowed.example", who=who)
    agent.session.read_error_until("127.0.0.53:53 is on this host")
    assert agent.asks_for("allowed.example") == [ALLOWED[4]]


@pytest.mark.parametrize("redirected", [False, True], ids=["no Docker", "Docker's redirect"])
def test_the_agent_cannot_answer_instead_of_dockers_resolver(internet, container, redirected):
    """In an image made from a container, resolv.conf may name Docker's resolver although there is
    none."""
    network = container.link.network
    network.sysctl("ipv4/ip_unprivileged_port_start", 0)
    if redirected:
        container.nft("-f", "-", stdin="""table ip nat {
            chain OUTPUT { type nat hook output priority -100; ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:41953; }
        }\n""")
    agent = container.start_agent("--allow", "allowed.example", "--upstream", "127.0.0.11", "--resolve-timeout", "1")
    outcome = agent.python("""
import threading
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.11", %d))
value = 0
def answer():
    while True:
        query, gate = s.recvfrom(512)
        end = query.index(b"\\0", 12) + 5
        reply = query[:2] + b"\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0" + query[12:end]
        try:
            s.sendto(reply + b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4" + socket.inet_aton("203.0.113.66"), gate)
        except OSError:
            pass
threading.Thread(target=answer, daemon=True).start()
""" % (41953 if redirected else 53))
    assert outcome["reached"], outcome
    assert agent.asks("allowed.example").answer == []
    assert container.admitted() == set()
