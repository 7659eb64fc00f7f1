"""Hosts outside cannot begin a flow to the agent, except to a port that --allow-inbound names."""

import socket

import pytest


NAMED, NAMED_UDP, OTHER_PORT = 3000, 3001, 3002
FLAGS = ["--allow", "allowed.example", "--allow-inbound", str(NAMED), "--allow-inbound", f"{NAMED_UDP}/udp"]


@pytest.fixture(scope="module")
def agent(container, who):
    return container.start_agent(*FLAGS, who=who)


def ask_over_udp(container, agent, port, family):
    """Sends a datagram from outside to a UDP service of the agent, and returns the answer."""
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    assert agent.python(f"""
s = socket.socket({int(kind)}, socket.SOCK_DGRAM)
s.settimeout(0.3)
s.bind(({'"::"' if family == 6 else '"0.0.0.0"'}, {port}))
sys.modules["__main__"].kept["udp"] = s""")["reached"]
    try:
        with container.internet.network.entered():
            stranger = socket.socket(kind, socket.SOCK_DGRAM)
        with stranger:
            stranger.settimeout(0.3)
            stranger.sendto(b"what do you have", (container.link.address[family], port))
            agent.python("""
s = sys.modules["__main__"].kept["udp"]
s.sendto(b"secret", s.recvfrom(100)[1])""")
            return stranger.recv(100)
    finally:
        agent.close_flow("udp")


def test_a_host_outside_cannot_reach_a_service(internet, container, agent, family):
    with pytest.raises(OSError):
        container.connect_from_outside(agent, OTHER_PORT, family)
    with pytest.raises(OSError):
        ask_over_udp(container, agent, OTHER_PORT, family)
    assert internet.packets() == []


def test_an_allowed_service_answers(container, agent, family):
    assert container.connect_from_outside(agent, NAMED, family) == b"hello"
    assert ask_over_udp(container, agent, NAMED_UDP, family) == b"secret"


def test_an_allowed_port_is_open_for_one_protocol_only(container, agent, family):
    with pytest.raises(OSError):
        ask_over_udp(container, agent, NAMED, family)
    with pytest.raises(OSError):
        container.connect_from_outside(agent, NAMED_UDP, family)


def test_a_service_can_be_reached_from_inside(container, agent, family):
    outcome = agent.python(f"""
s = socket.create_server(("::", {OTHER_PORT}), family=socket.AF_INET6, dualstack_ipv6=True)
for address in ({container.link.address[family]!r}, {"::1" if family == 6 else "127.0.0.1"!r}):
    c = socket.create_connection((address, {OTHER_PORT}), 1)
    s.accept()[0].sendall(b"hello")
    value = c.recv(10).decode()
s.close()""")
    assert outcome.get("answer") == "hello", outcome


def test_a_connection_from_outside_is_audited(container, agent, family):
    with pytest.raises(OSError):
        container.connect_from_outside(agent, OTHER_PORT, family)
    container.eventually_audited("deny", kind="packet", address=container.link.address[family], port=OTHER_PORT, why="inbound")


def test_the_agent_cannot_begin_a_flow_from_an_allowed_port(internet, container, agent, family):
    outcome = agent.connect("203.0.113.66" if family == 4 else "2001:db8:66::66", 443, "udp",
                            source=(container.link.address[family], NAMED_UDP))
    assert not outcome["reached"] and internet.packets() == [], outcome
